"""Payloads of all checkpoints in a tree or in the index: a value that's in another file costs nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from contextlib import suppress
from functools import cached_property

from git_theta.errors import ManifestError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.oid_scan import find_object_names
from git_theta.model.manifest import ObjectRef
from git_theta.model.manifest_text import MAX_TEXT_BYTES, is_manifest, parse_manifest


class TreePayloads:
    """Finds payloads that the checkpoints of a tree need. Manifests are read when the first are looked for.

    Args:
        git: Git at the top of the work tree.
        rev: A revision; `None` for the index.
    """

    def __init__(self, git: Git, rev: str | None) -> None:
        self._git = git
        self._rev = rev
        self._payloads: dict[bytes, frozenset[ObjectRef]] = {}

    def among(self, refs: Set[ObjectRef]) -> set[ObjectRef]:
        """The payloads, of some given ones, that a checkpoint in the tree needs."""
        found: set[ObjectRef] = set()
        if refs:
            texts = {text for ref in refs for text in self._by_object.get(ref.oid, ())}
            for text in texts:
                found |= refs & self._payloads_of(text)
        return found

    @cached_property
    def _by_object(self) -> dict[str, list[bytes]]:
        """Object name → the manifests that name it. To parse all of them would take much longer."""
        found: dict[str, list[bytes]] = {}
        with Blobs(self._git.cwd) as blobs:
            for oid in dict.fromkeys(self._blobs()):
                text = blobs.read(oid, MAX_TEXT_BYTES)
                if text and is_manifest(text):
                    for name in find_object_names(text):
                        found.setdefault(name, []).append(text)
        return found

    def _payloads_of(self, text: bytes) -> frozenset[ObjectRef]:
        if text not in self._payloads:
            entries: tuple[ObjectRef, ...] = ()
            with suppress(ManifestError):
                manifest = parse_manifest(text)
                entries = tuple(ref for entry in manifest.all_entries() for ref in entry.source.payloads())
            self._payloads[text] = frozenset(entries)
        return self._payloads[text]

    def _blobs(self) -> Iterator[str]:
        """Ids of the blobs of tracked files."""
        if self._rev is None:
            records = self._git.records("ls-files", "-s", "-z", "--full-name", "--", ":(top)")
        elif self._git.ok("rev-parse", "-q", "--verify", f"{self._rev}^{{tree}}"):
            records = self._git.records("ls-tree", "-r", "-z", "--full-tree", self._rev)
        else:
            return
        oids = {}
        for record in records:
            head, _, name = record.partition(b"\t")
            words = head.decode().split(" ")
            oids[os.fsdecode(name)] = words[1] if self._rev is None else words[2]
        filters = attribute_values(self._git, "filter", oids)
        yield from (oid for name, oid in oids.items() if filters.get(name) == "theta")
