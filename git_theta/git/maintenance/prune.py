"""Prune: delete local objects that can be fetched again, or that no version needs.

A deleted object is named by a version that the remote's branches have, and is at the remote; or alternative
sources replace it; or no manifest names it at all. All other objects are kept; in doubt, an object counts as
needed.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from git_theta.errors import ThetaError, UsageError
from git_theta.git.maintenance.duration import DAY
from git_theta.git.maintenance.manifest_index import ManifestIndex
from git_theta.git.maintenance.reachability import NeededObjects, find_needed_objects
from git_theta.git.maintenance.replaced import ReplacedObjects
from git_theta.git.maintenance.retention import (
    RECOVERABLE,
    UNNEEDED,
    Fate,
    StoredObject,
    decide_fates,
    list_objects,
)
from git_theta.git.maintenance.unused_sketches import forget_unused_sketches
from git_theta.git.maintenance.worktree_state import index_locks
from git_theta.git.remote.remotes import connected, open_remote
from git_theta.git.repository.repository import Repository
from git_theta.store.local import LocalStore
from git_theta.store.remote import Remote, RemoteObject
from git_theta.store.transfer import remote_has

#: A younger object that no version names may belong to a `git add` that is running.
_GRACE = DAY

#: Decides the fates of some objects, from what Git has at the moment of the call.
_Decide = Callable[[Iterable[StoredObject]], Mapping[str, Fate]]


@dataclass(frozen=True, slots=True)
class PruneOptions:
    """How to prune.

    Attributes:
        remote: The remote from which deleted objects can be fetched again; empty if there's none.
        recent: Seconds for which a commit, or a move of a branch, is recent.
        verify: Whether to ask the remote for each object before it's deleted.
        dry_run: Whether to delete nothing.
        lock_timeout: Seconds to wait for another command that holds the lock of an index.
    """

    remote: str
    recent: float
    verify: bool = True
    dry_run: bool = False
    lock_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class PruneResult:
    """The result of a prune, or of a dry run.

    Attributes:
        kept: Objects that stay, with the reason.
        deleted: Objects that were deleted, with the reason that they may be.
    """

    kept: tuple[tuple[StoredObject, Fate], ...]
    deleted: tuple[tuple[StoredObject, Fate], ...]

    @property
    def reasons(self) -> dict[Fate, int]:
        """The number of kept objects for each reason."""
        return dict(Counter(fate for _, fate in self.kept))

    @property
    def freed(self) -> int:
        """Bytes of disk space that the deleted objects took."""
        return sum(item.size for item, _ in self.deleted if not item.shared)

    @property
    def unneeded(self) -> dict[Fate, int]:
        """The number of deleted objects that can't be fetched again, for each reason that they may go."""
        return dict(Counter(fate for _, fate in self.deleted if fate in UNNEEDED))


def prune(repository: Repository, options: PruneOptions) -> PruneResult:
    """Delete local objects that can be fetched again, or that no version needs.

    Nothing is deleted if anything fails.

    Raises:
        ThetaError: History can't be read, the remote can't be reached, or another command is at work in a
            work tree.
        UsageError: The remote has no objects of its own, as it's this repository.
    """
    repository.store.restore_quarantined()
    if not options.dry_run:
        _wait_for_index_locks(repository.common_dir, options.lock_timeout)
    objects = list_objects(repository.store)
    decide = _decider(repository, options)
    fates = decide(objects)
    deletable = _deletable(repository, options, objects, fates)
    kept: dict[str, Fate] = {
        oid: Fate.ABSENT if fate is Fate.PUSHED else fate
        for oid, fate in fates.items()
        if oid not in deletable
    }
    if deletable and not options.dry_run:
        chosen = [item for item in objects if item.oid in deletable]
        kept |= _delete(repository, options, chosen, fates, decide)
        forget_unused_sketches(repository)
    return PruneResult(
        tuple((item, kept[item.oid]) for item in objects if item.oid in kept),
        tuple((item, fates[item.oid]) for item in objects if item.oid not in kept),
    )


def _decider(repository: Repository, options: PruneOptions) -> _Decide:
    now = time.time()
    recent_since, grace = now - options.recent, now - max(options.recent, _GRACE)
    manifests, replaced = ManifestIndex(repository.git), ReplacedObjects(repository)

    def decide(objects: Iterable[StoredObject]) -> Mapping[str, Fate]:
        needed = find_needed_objects(manifests, repository.common_dir, options.remote, recent_since)
        return decide_fates(objects, needed, grace, _replaced(replaced, manifests, needed, options.remote))

    return decide


def _replaced(
    replaced: ReplacedObjects, manifests: ManifestIndex, needed: NeededObjects, remote: str
) -> frozenset[str]:
    """Objects that alternative sources replace, and that nobody else will ask for."""
    if not needed.complete:
        # Versions that aren't here may need them.
        return frozenset()
    # What a push sends are the own sources: other clones needn't have the table.
    return replaced.find(manifests) - (needed.unpushed if remote else frozenset())


def _deletable(
    repository: Repository,
    options: PruneOptions,
    objects: Sequence[StoredObject],
    fates: Mapping[str, Fate],
) -> set[str]:
    """Names of the objects that may be deleted: unneeded ones, and those that the remote has."""
    unneeded = {oid for oid, fate in fates.items() if fate in UNNEEDED}
    return unneeded | _recoverable(repository, options, objects, fates)


def _recoverable(
    repository: Repository,
    options: PruneOptions,
    objects: Iterable[StoredObject],
    fates: Mapping[str, Fate],
) -> set[str]:
    """Names of those objects that can be fetched again: the remote says that it has them."""
    if options.remote and options.verify:
        candidates = [RemoteObject(o.oid, o.size) for o in objects if fates[o.oid] in RECOVERABLE]
        if not candidates:
            return set()
        with connected(open_remote(repository, options.remote, "download")) as remote:
            return objects_at_remote(remote, candidates, repository.store)
    # A branch of the remote has a version that names them, so they were sent.
    return {oid for oid, fate in fates.items() if fate is Fate.PUSHED}


def _delete(
    repository: Repository,
    options: PruneOptions,
    chosen: Sequence[StoredObject],
    fates: Mapping[str, Fate],
    decide: _Decide,
) -> dict[str, Fate]:
    """Delete objects, except those that a command came to need meanwhile; these are returned with their fate.

    A command that reuses an object renews its time of writing. So objects go into quarantine first, and their
    fates are decided again: a command that starts later doesn't find them there, and stores them again.

    The remote may be a clone that prunes at this moment, with this repository as its remote. So it's asked
    again while the objects are in quarantine, where it doesn't see them: the later question gets a no.

    Objects that alternative sources replace may be new. So the lock of claims is held meanwhile: nobody is
    about to name one of them in a manifest.
    """
    rescued = {}
    with repository.store.quarantine() as held:
        taken = [replace(item, written=held.written(item.oid)) for item in chosen if held.take(item.oid)]
        # A command that has just reused an object holds an index's lock until the index names the object.
        _wait_for_index_locks(repository.common_dir, options.lock_timeout)
        replaces = any(fates[item.oid] is Fate.REPLACED for item in taken)
        lock = repository.store.claims.alone(options.lock_timeout) if replaces else nullcontext(False)
        with lock as is_alone:
            now = decide(taken)
            recoverable = _recoverable(repository, options, taken, now)
            for oid, fate in now.items():
                if fate is not fates[oid]:
                    rescued[oid] = fate
                elif fate in RECOVERABLE and oid not in recoverable:
                    rescued[oid] = Fate.ABSENT
                elif fate is Fate.REPLACED and not is_alone:
                    rescued[oid] = Fate.CLAIMED
                if oid in rescued:
                    held.give_back(oid)
                else:
                    held.drop(oid)
    return rescued


def objects_at_remote(remote: Remote, wanted: Sequence[RemoteObject], store: LocalStore) -> set[str]:
    """Names of the wanted objects that a remote has.

    Raises:
        UsageError: The remote is this very store, by whatever URL.
        ThetaError: The remote can't be reached.
    """
    if not wanted:
        return set()
    # A URL may lead back here by links or SSH: the remote would then seem to have every object. So a new
    # object of random bytes, which no other remote can have, is asked for, too.
    probe = store.put([secrets.token_bytes(32)])
    try:
        # One request for all: a server may refuse one whose objects it all lacks.
        found = remote_has(remote, [RemoteObject(probe, 32), *wanted])
    finally:
        store.path(probe).unlink(missing_ok=True)
    if probe in found:
        raise UsageError(
            f"{remote.url} is this repository's own store, so deleted objects couldn't be fetched from it",
            "name another remote: git theta prune --remote NAME",
        )
    return found


def _wait_for_index_locks(common_dir: Path, timeout: float) -> None:
    """Wait until no command is changing an index, in any work tree."""
    end = time.monotonic() + timeout
    while locks := index_locks(common_dir):
        if time.monotonic() >= end:
            raise ThetaError(
                f"another git command is at work here: {locks[0]} exists",
                "try again when it has finished; nothing was deleted",
            )
        time.sleep(0.05)
