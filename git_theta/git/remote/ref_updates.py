"""The refs that a push updates, and the manifests that it brings to the remote."""

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
    """The update of one ref by a push.

    Attributes:
        new: Id of the object that the ref will point to; empty if the push deletes the ref.
        old: Id of the object that the ref points to at the remote now; empty if the remote has no such ref.
        ref: Full name of the ref at the remote.
    """

    new: str
    old: str
    ref: str = ""


def parse_updates(lines: Iterable[str]) -> list[RefUpdate]:
    """The updates in the input of a pre-push hook: local ref, its object, remote ref, its object.

    Raises:
        UsageError: A line isn't valid.
    """
    return [_update(line) for line in lines if line.strip()]


def _update(line: str) -> RefUpdate:
    # The local ref is as the user wrote it, and may have spaces.
    match line.strip().rsplit(" ", 3):
        case [_, new, ref, old]:
            return RefUpdate(new if new.strip(_ZERO) else "", old if old.strip(_ZERO) else "", ref)
    raise UsageError(f"{line.strip()!r} isn't what Git tells a pre-push hook")


def mirror_deletions(git: Git, name: str, url: str, ref: str) -> list[RefUpdate]:
    """Updates that the hook isn't told of: a push to a mirror deletes a ref that isn't here.

    Args:
        git: Git in the repository.
        name: Name of the remote, or its URL again if it has no name.
        url: The URL that Git pushes to.
        ref: Full name of the ref.
    """
    mirrors = git.config(f"remote.{name}.mirror").lower() in _TRUE or is_mirror_push()
    if not mirrors or git.ok("rev-parse", "-q", "--verify", ref):
        return []
    try:
        # The user may be asked for a password once more; else the ref would be deleted unnoticed.
        listing = git.run("ls-remote", url, ref)
    except GitError:
        return []
    return [RefUpdate("", line.split(b"\t")[0].decode(), ref) for line in listing.splitlines()]


def pushed_manifests(git: Git, name: str, url: str, updates: Sequence[RefUpdate]) -> dict[str, ManifestBlob]:
    """The manifests that a push brings to a remote, by blob id.

    Args:
        git: Git in the repository.
        name: Name of the remote, or its URL again if it has no name.
        url: The URL that Git pushes to.
        updates: The refs that the push updates.
    """
    new = {update.new for update in updates if update.new}
    # Commits that others pushed meanwhile may not be here.
    old = _here(git, {update.old for update in updates if update.old})
    begins = any(update.new and update.old not in old for update in updates)
    found = reachable_manifests(git, new, [*old, *(_tips(git, name, url) if begins and name != url else ())])
    note_unreadable(found.values())
    return found


def _here(git: Git, oids: Iterable[str]) -> set[str]:
    """The ids whose objects are in this repository."""
    asked = "".join(f"{oid}\n" for oid in oids).encode()
    answers = git.run("cat-file", "--batch-check", stdin=asked).decode().splitlines()
    return {answer.split(" ")[0] for answer in answers if not answer.endswith(" missing")}


def _tips(git: Git, name: str, url: str) -> list[str]:
    """Tips of a remote's branches, as last seen, that the URL still has.

    The remote-tracking branches may be of another place: the URL was changed, or it's one of several. Only
    the place itself can tell.
    """
    seen = git.run("for-each-ref", "--format=%(objectname)", f"refs/remotes/{name}/").decode().split()
    if not seen:
        return []
    try:
        listing = git.silent().run("ls-remote", url)
    except GitError:
        # Then all of history is searched; still, no object that is there is sent again.
        return []
    there = {line.partition(b"\t")[0].decode() for line in listing.splitlines()}
    return sorted(there & set(seen))
