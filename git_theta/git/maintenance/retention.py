"""Retention: which objects of a store are kept by a prune, and why."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from git_theta.git.maintenance.reachability import NeededObjects
from git_theta.store.local import LocalStore


class Fate(StrEnum):
    """Why an object is kept or may be deleted, in the words of messages."""

    IN_USE = "in use"
    UNPUSHED = "not pushed"
    RECENT = "recent"
    SOURCE = "of alternative sources"
    DROPPED = "of dropped versions"
    JUST_WRITTEN = "just written"
    ABSENT = "not at the remote"
    PUSHED = "pushed"
    UNNAMED = "named by no version"
    UNKNOWN = "perhaps of versions that aren't here"
    REPLACED = "replaced by alternative sources"
    CLAIMED = "perhaps needed by a running command"


#: Objects of these fates may be deleted if the remote has them.
RECOVERABLE = (Fate.PUSHED, Fate.UNKNOWN)

#: Objects of these fates may be deleted in any case.
UNNEEDED = (Fate.UNNAMED, Fate.REPLACED)


@dataclass(frozen=True, slots=True)
class StoredObject:
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


def list_objects(store: LocalStore) -> list[StoredObject]:
    """The objects in a store's own folder, without its neighbours, sorted by name."""
    found = []
    for oid, _ in store.list():
        # Another process may delete an object meanwhile.
        with suppress(FileNotFoundError):
            status = store.path(oid).stat()
            found.append(StoredObject(oid, status.st_size, status.st_mtime, status.st_nlink > 1))
    return sorted(found, key=lambda item: item.oid)


def decide_fates(
    objects: Iterable[StoredObject],
    needed: NeededObjects,
    grace: float,
    replaced: frozenset[str] = frozenset(),
) -> dict[str, Fate]:
    """The fate of each object, by its name, as far as Git's own data tell.

    `RECOVERABLE` objects may be deleted if the remote has them, `UNNEEDED` ones in any case; others stay.

    Args:
        objects: The objects of the store.
        needed: Which objects are needed by what.
        grace: An object that no manifest names belongs to a `git add` that is still running if it was
            written at this time or later, in seconds since 1970.
        replaced: Objects that no value needs any more, as by `ReplacedObjects`.
    """
    # The first match decides.
    reasons = (
        (needed.in_use, Fate.IN_USE),
        (needed.unpushed, Fate.UNPUSHED),
        (needed.recent, Fate.RECENT),
        (needed.sources, Fate.SOURCE),
        (needed.pushed, Fate.PUSHED),
        # `git gc` drops such a manifest some day; until then, somebody may want to have it back.
        (needed.named, Fate.DROPPED),
    )
    unnamed = Fate.UNNAMED if needed.complete else Fate.UNKNOWN

    def fate(item: StoredObject) -> Fate:
        for names, reason in reasons:
            if item.oid in names:
                return Fate.REPLACED if item.oid in replaced and reason not in RECOVERABLE else reason
        return Fate.JUST_WRITTEN if item.written >= grace else unnamed

    return {item.oid: fate(item) for item in objects}
