"""Prune: delete objects that are here but could be had again.

What is deleted is either named by a version that the remote's branches have, and is at the remote, or named
by no manifest at all. Everything else stays; whatever is in doubt counts as needed.
"""

from __future__ import annotations

import re
import secrets
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from git_theta.errors import ThetaError, UsageError
from git_theta.git.maintenance.reachability import Manifests, Needs, lock_files, survey
from git_theta.git.remote.remotes import connected, open_remote
from git_theta.git.repository.repository import Repository
from git_theta.store.local import LocalStore
from git_theta.store.quarantine import quarantine, restore_quarantined
from git_theta.store.remote import Remote, RemoteObject
from git_theta.store.transfer import remote_has

_DAY = 86_400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": _DAY, "w": 7 * _DAY, "y": 365 * _DAY}
_DURATION = re.compile(
    r"(\d{1,6})\s*(?:(s)(?:ec|econds?)?|(m)(?:in|inutes?)?|(h)(?:ours?)?|(d)(?:ays?)?|(w)(?:eeks?)?|(y)(?:ears?)?)?"
)

#: An object that no version names and that's younger may belong to a `git add` at this moment.
_GRACE = _DAY


class Fate(StrEnum):
    """What is to become of an object, and why."""

    IN_USE = "in use"
    UNPUSHED = "not pushed"
    RECENT = "recent"
    DROPPED = "of dropped versions"
    JUST_WRITTEN = "just written"
    ABSENT = "not at the remote"
    PUSHED = "pushed"
    UNNAMED = "named by no version"
    UNKNOWN = "perhaps of versions that aren't here"


@dataclass(frozen=True, slots=True)
class Stored:
    """An object in the store.

    Attributes:
        oid: Its name.
        size: Its size in bytes.
        written: When it was written, in seconds since 1970.
        shared: Whether other repositories on this disk have the same file, so that deleting frees nothing.
    """

    oid: str
    size: int
    written: float
    shared: bool


@dataclass(frozen=True, slots=True)
class Options:
    """How to prune.

    Attributes:
        remote: Where what is deleted could be fetched from; empty if there's no remote.
        recent: Seconds for which a commit, or a move of a branch, is recent.
        verify: Whether to ask the remote if it has what is to be deleted.
        dry_run: Whether to delete nothing.
        patience: Seconds to wait for another command to finish.
    """

    remote: str
    recent: float
    verify: bool = True
    dry_run: bool = False
    patience: float = 10.0


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was done, or would be.

    Attributes:
        kept: Objects that stay, with the reason.
        deleted: Objects that went, with the reason that they may.
    """

    kept: tuple[tuple[Stored, Fate], ...]
    deleted: tuple[tuple[Stored, Fate], ...]

    @property
    def reasons(self) -> dict[Fate, int]:
        """How many stay for each reason."""
        return dict(Counter(fate for _, fate in self.kept))

    @property
    def freed(self) -> int:
        """Bytes that are free on the disk by it."""
        return sum(item.size for item, _ in self.deleted if not item.shared)

    @property
    def unnamed(self) -> int:
        """How many of the deleted ones no version names."""
        return sum(fate is Fate.UNNAMED for _, fate in self.deleted)


def duration(text: str) -> float:
    """Seconds of `10 days`, `2w`, `36h`; a number alone is in days.

    Raises:
        UsageError: It isn't one.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if not match:
        raise UsageError(f"{text!r} isn't a duration", "write it like this: 10 days, 2w, 36h, 0")
    unit = next(filter(None, match.groups()[1:]), "d")
    return int(match[1]) * _UNITS[unit]


def decide(objects: Iterable[Stored], needs: Needs, grace: float) -> dict[str, Fate]:
    """What is to become of each object, as far as that's known here.

    `PUSHED` and `UNKNOWN` may be deleted if the remote has them, `UNNAMED` in any case; the others stay.

    Args:
        objects: What there is.
        needs: What needs what.
        grace: What was written at this time or later, and nobody names, is being added.
    """

    def fate(item: Stored) -> Fate:
        for names, reason in (
            (needs.now, Fate.IN_USE),
            (needs.unpushed, Fate.UNPUSHED),
            (needs.recent, Fate.RECENT),
            (needs.pushed, Fate.PUSHED),
            # `git gc` drops such a manifest some time; until then, somebody may want to have it back.
            (needs.named, Fate.DROPPED),
        ):
            if item.oid in names:
                return reason
        if item.written >= grace:
            return Fate.JUST_WRITTEN
        return Fate.UNNAMED if needs.complete else Fate.UNKNOWN

    return {item.oid: fate(item) for item in objects}


def prune(repository: Repository, options: Options) -> Pruned:
    """Delete what could be had again.

    Nothing is deleted if anything fails: if history can't be read, if the remote can't be reached, or if
    another command is at work in a work tree.

    Raises:
        ThetaError: One of these.
        UsageError: The remote has no objects of its own, as it's this repository.
    """
    store = repository.store
    restore_quarantined(store)
    if not options.dry_run:
        _wait_for_others(repository.common_dir, options.patience)
    now = time.time()
    young, grace = now - options.recent, now - max(options.recent, _GRACE)
    objects = list_objects(store)
    manifests = Manifests(repository.git)

    def judge(objects: Iterable[Stored]) -> dict[str, Fate]:
        return decide(objects, survey(manifests, repository.common_dir, options.remote, young), grace)

    fates = judge(objects)
    doubtful = [RemoteObject(o.oid, o.size) for o in objects if fates[o.oid] in (Fate.PUSHED, Fate.UNKNOWN)]
    if options.remote and options.verify:
        with connected(open_remote(repository, options.remote, "download")) as remote:
            there = at_remote(remote, doubtful, store)
    else:
        # A branch of the remote has them, so they were sent.
        there = {wanted.oid for wanted in doubtful if fates[wanted.oid] is Fate.PUSHED}
    leaving = {oid for oid, fate in fates.items() if fate is Fate.UNNAMED or oid in there}
    reasons: dict[str, Fate] = {
        oid: Fate.ABSENT if fate is Fate.PUSHED else fate for oid, fate in fates.items()
    }
    if leaving and not options.dry_run:
        with quarantine(store) as away:
            # Who relied on one before made it young; who comes now doesn't see it.
            taken = [
                replace(item, written=away.written(item.oid))
                for item in objects
                if item.oid in leaving and away.take(item.oid)
            ]
            # And a command that was adding them has the lock of an index until that names them. So what has
            # the same fate after this isn't wanted by anybody.
            _wait_for_others(repository.common_dir, options.patience)
            for oid, fate in judge(taken).items():
                if fate is fates[oid]:
                    away.drop(oid)
                else:
                    away.give_back(oid)
                    leaving.remove(oid)
                    reasons[oid] = fate
    return Pruned(
        tuple((item, reasons[item.oid]) for item in objects if item.oid not in leaving),
        tuple((item, fates[item.oid]) for item in objects if item.oid in leaving),
    )


def list_objects(store: LocalStore) -> list[Stored]:
    """What a store itself has, without its neighbours, by name."""
    found = []
    for oid, _ in store.list():
        # Another process may delete meanwhile.
        with suppress(FileNotFoundError):
            status = store.path(oid).stat()
            found.append(Stored(oid, status.st_size, status.st_mtime, status.st_nlink > 1))
    return sorted(found, key=lambda item: item.oid)


def at_remote(remote: Remote, wanted: Sequence[RemoteObject], store: LocalStore) -> set[str]:
    """Those of some objects that a remote has.

    Raises:
        UsageError: The remote is the very store, whatever way leads to it.
        ThetaError: It can't be reached.
    """
    if not wanted:
        return set()
    # A URL may lead back here by links or SSH, and then everything seems to be there.
    probe = store.put([secrets.token_bytes(32)])
    try:
        # Not alone: servers may refuse to answer for objects that they have none of.
        found = remote_has(remote, [RemoteObject(probe, 32), *wanted])
    finally:
        store.path(probe).unlink(missing_ok=True)
    if probe in found:
        raise UsageError(
            f"{remote.url} is this repository's own store, so what is deleted couldn't be fetched",
            "name another remote: git theta prune --remote NAME",
        )
    return found


def _wait_for_others(common_dir: Path, patience: float) -> None:
    """Wait until no command is changing an index, in any work tree."""
    end = time.monotonic() + patience
    while locks := lock_files(common_dir):
        if time.monotonic() >= end:
            raise ThetaError(
                f"another git command is at work here: {locks[0]} exists",
                "try again when it has finished; nothing was deleted",
            )
        time.sleep(0.05)
