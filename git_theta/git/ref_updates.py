"""What a push does to refs, and the manifests that it brings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from git_theta.errors import GitError, UsageError
from git_theta.git.command import Git
from git_theta.git.history import Version, since

_ZERO = "0"


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


def brought(git: Git, name: str, url: str, updates: Sequence[RefUpdate]) -> dict[str, Version]:
    """The manifests that a push brings to a remote, by blob id.

    Args:
        git: Git in the repository.
        name: The remote's name, or its URL again if it has none.
        url: Where Git pushes to.
        updates: What the push does.
    """
    # What someone else pushed meanwhile may not be here.
    old = {update.old for update in updates if update.old and git.ok("cat-file", "-e", update.old)}
    new = [update.new for update in updates if update.new]
    begins = any(update.new and update.old not in old for update in updates)
    return since(git, new, [*old, *(_tips(git, name, url) if begins and name != url else ())])


def _tips(git: Git, name: str, url: str) -> list[str]:
    """Tips of a remote's branches, as they were when last seen, that are at the URL now.

    What is remembered may be of another place: the URL was changed, or it's one of several. Only the place
    itself can tell.
    """
    seen = git.run("for-each-ref", "--format=%(objectname)", f"refs/remotes/{name}/").decode().split()
    if not seen:
        return []
    try:
        listing = git.silent().run("ls-remote", url).decode()
    except GitError:
        # Then all of history is gone through; nothing that's there is sent again.
        return []
    there = {line.partition("\t")[0] for line in listing.splitlines()}
    return sorted(there & set(seen))
