"""Rewriting trees, commits and tags, byte for byte as they are but for the ids that change."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from git_theta.errors import UsageError
from git_theta.git.migrate.commit_history import ATTRIBUTES_FILE, CommitHistory, CommitNode
from git_theta.git.migrate.git_objects import TREE, TreeEntry, format_tree
from git_theta.git.migrate.pack_writer import PackWriter
from git_theta.git.migrate.selection import TreeSelection

#: Headers that would be wrong in a new commit: signatures, and the tags that were merged.
_SIGNED = (b"gpgsig ", b"gpgsig-sha256 ", b"mergetag ")

_SIGNATURE = re.compile(rb"^-----BEGIN (PGP SIGNATURE|PGP MESSAGE|SSH SIGNATURE|SIGNED MESSAGE)-----", re.M)

_FILE_MODE = b"100644"

#: Larger tags aren't read: a ref may also point to a large blob.
_MAX_TAG_BYTES = 16 << 20


class Rewriter:
    """Rewrites the trees, commits and tags of a history.

    Attributes:
        commits: Old commit → new one; commits that stay aren't here.
        signatures: How many commits and tags lost a signature.

    Args:
        history: The commits.
        pack: Where new objects go.
        blobs: Old blob → new one, for files that are concerned.
    """

    def __init__(self, history: CommitHistory, pack: PackWriter, blobs: Mapping[str, str]) -> None:
        self.commits: dict[str, str] = {}
        self.signatures = 0
        self._history = history
        self._objects = history.objects
        self._pack = pack
        self._blobs = blobs
        self._trees: dict[tuple[str, bytes, TreeSelection], str | None] = {}
        self._tags: dict[str, str] = {}

    def tree(self, tree: str, chosen: TreeSelection) -> str:
        """The new tree of a commit, which may be the old one."""
        return self._tree(tree, b"", chosen) or self._pack.add("tree", b"")

    def commit(self, commit: CommitNode, chosen: TreeSelection) -> str:
        """The new commit for an old one, whose parents must have been rewritten before."""
        tree = self.tree(commit.tree, chosen)
        parents = [self.commits.get(parent, parent) for parent in commit.parents]
        if tree == commit.tree and parents == list(commit.parents):
            return commit.oid
        head, gap, message = self._objects.read(commit.oid).data.partition(b"\n\n")
        kept, dropped = _unsigned(head.split(b"\n"))
        self.signatures += dropped
        kept = [line for line in kept if not line.startswith((b"tree ", b"parent "))]
        ids = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
        new = self._pack.add("commit", b"\n".join([*ids, *kept]) + gap + message)
        self.commits[commit.oid] = new
        return new

    def ref(self, oid: str) -> str:
        """The new commit or tag for the one that a ref points to; a tag may be of another tag."""
        if oid in self.commits or oid in self._history.trees:
            return self.commits.get(oid, oid)
        if oid not in self._tags:
            found = self._objects.head(oid, _MAX_TAG_BYTES)
            self._tags[oid] = self._tag(oid, found.data) if found.kind == "tag" else oid
        return self._tags[oid]

    def _tag(self, oid: str, data: bytes) -> str:
        first, _, rest = data.partition(b"\n")
        tagged = first.removeprefix(b"object ").decode()
        new = self.ref(tagged)
        if new == tagged:
            return oid
        head, gap, message = rest.partition(b"\n\n")
        kept, dropped = _unsigned(head.split(b"\n"))
        text = _without_signature(message)
        self.signatures += dropped or text != message
        return self._pack.add("tag", b"\n".join([b"object " + new.encode(), *kept]) + gap + text)

    def _tree(self, tree: str, prefix: bytes, chosen: TreeSelection) -> str | None:
        """The new tree for an old one; `None` if nothing is left of it."""
        key = (tree, prefix, chosen)
        if key not in self._trees:
            old = {entry.name: entry for entry in self._objects.tree(tree)}
            new = self._edited(old, prefix, chosen)
            changed = self._pack.add("tree", format_tree(new)) if new != old else tree
            self._trees[key] = changed if new or not old else None
        return self._trees[key]

    def _edited(
        self, old: Mapping[bytes, TreeEntry], prefix: bytes, chosen: TreeSelection
    ) -> dict[bytes, TreeEntry]:
        new = {}
        for name, entry in old.items():
            found: str | None = entry.oid
            if entry.mode == TREE:
                found = self._tree(entry.oid, prefix + name + b"/", chosen)
            elif entry.is_file and name != ATTRIBUTES_FILE and chosen.concerns(prefix + name):
                found = self._blobs.get(entry.oid, entry.oid)
            if found is not None:
                new[name] = entry._replace(oid=found)
        folder = os.fsdecode(prefix.rstrip(b"/"))
        if folder in chosen.edits:
            there, blob = old.get(ATTRIBUTES_FILE), chosen.edits[folder]
            if there and not there.is_file:
                raise UsageError(f"{prefix.decode(errors='replace')}.gitattributes isn't a file")
            if blob is None:
                new.pop(ATTRIBUTES_FILE, None)
            else:
                new[ATTRIBUTES_FILE] = TreeEntry(there.mode if there else _FILE_MODE, ATTRIBUTES_FILE, blob)
        return new


def _without_signature(message: bytes) -> bytes:
    """A tag's message without the signature at its end; the text may quote others."""
    found = list(_SIGNATURE.finditer(message))
    if found and message.rstrip(b"\n").endswith(b"\n-----END %b-----" % found[-1][1]):
        return message[: found[-1].start()]
    return message


def _unsigned(headers: list[bytes]) -> tuple[list[bytes], bool]:
    """Headers without signatures, and whether there was one. A continued line begins with a space."""
    kept: list[bytes] = []
    dropping = dropped = False
    for line in headers:
        if not line.startswith(b" "):
            dropping = line.startswith(_SIGNED)
        dropped |= dropping
        if not dropping:
            kept.append(line)
    return kept, dropped
