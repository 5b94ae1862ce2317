"""What a push does to refs, and the manifests that it brings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.parent_command import is_mirror_push
from git_theta.git.repository.manifest_walk import ManifestBlob, note_unreadable, reachable_manifests

_ZERO = "0"

_TRUE = ("true", "yes", "on", "1")


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """What a push does to one ref.

    Attributes:
        new: The object that it will point to; empty if it's deleted.
        old: What it points to now at the remote; empty if it isn't there.
        ref: Its full name at the remote.
    """

    new: str
    old: str
    ref: str = ""


def parse_updates(lines: Iterable[str]) -> list[RefUpdate]:
    """The updates that Git tells a pre-push hook: local ref, its object, remote ref, its object.

    Raises:
        UsageError: A line is something else.
    """
    return [_update(line) for line in lines if line.strip()]


def _update(line: str) -> RefUpdate:
    # The local ref is what the user wrote, and may have spaces.
    match line.strip().rsplit(" ", 3):
        case [_, new, ref, old]:
            return RefUpdate(new if new.strip(_ZERO) else "", old if old.strip(_ZERO) else "", ref)
    raise UsageError(f"{line.strip()!r} isn't what Git tells a pre-push hook")


def mirror_deletions(git: Git, name: str, url: str, ref: str) -> list[RefUpdate]:
    """What Git doesn't tell the hook: that a mirror's ref is deleted because it isn't here.

    Args:
        git: Git in the repository.
        name: The remote's name, or its URL again if it has none.
        url: Where Git pushes to.
        ref: The ref's full name.
    """
    mirrors = git.config(f"remote.{name}.mirror").lower() in _TRUE or is_mirror_push()
    if not mirrors or git.ok("rev-parse", "-q", "--verify", ref):
        return []
    try:
        # The user may be asked for a password once more: else the ref would be deleted unseen.
        listing = git.run("ls-remote", url, ref)
    except GitError:
        return []
    return [RefUpdate("", line.split(b"\t")[0].decode(), ref) for line in listing.splitlines()]


def pushed_manifests(git: Git, name: str, url: str, updates: Sequence[RefUpdate]) -> dict[str, ManifestBlob]:
    """The manifests that a push brings to a remote, by blob id.

    Args:
        git: Git in the repository.
        name: The remote's name, or its URL again if it has none.
        url: Where Git pushes to.
        updates: What the push does.
    """
    new = {update.new for update in updates if update.new}
    # What someone else pushed meanwhile may not be here.
    old = _here(git, {update.old for update in updates if update.old})
    begins = any(update.new and update.old not in old for update in updates)
    found = reachable_manifests(git, new, [*old, *(_tips(git, name, url) if begins and name != url else ())])
    note_unreadable(found.values())
    return found


def _here(git: Git, oids: Iterable[str]) -> set[str]:
    """Those of some ids whose objects are here."""
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    answers = git.run("cat-file", "--batch-check", stdin=asked).decode().splitlines()
    return {answer.split(" ")[0] for answer in answers if not answer.endswith(" missing")}


def _tips(git: Git, name: str, url: str) -> list[str]:
    """Tips of a remote's branches, as they were when last seen, that are at the URL now.

    What is remembered may be of another place: the URL was changed, or it's one of several. Only the place
    itself can tell.
    """
    seen = git.run("for-each-ref", "--format=%(objectname)", f"refs/remotes/{name}/").decode().split()
    if not seen:
        return []
    try:
        listing = git.silent().run("ls-remote", url)
    except GitError:
        # Then all of history is gone through; nothing that's there is sent again.
        return []
    there = {line.partition(b"\t")[0].decode() for line in listing.splitlines()}
    return sorted(there & set(seen))
