"""Repair: get objects that are damaged or missing from remotes again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from git_theta.errors import MissingObjectError, ThetaError
from git_theta.git.remote.remotes import connected, fetch_remotes, open_remote
from git_theta.git.repository.repository import Repository
from git_theta.runtime.progress import progress
from git_theta.store.local import LocalStore
from git_theta.store.quarantine import quarantine
from git_theta.store.remote import RemoteObject
from git_theta.store.transfer import fetch


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done.

    Attributes:
        objects: Those that are as they should be now.
        troubles: Why others aren't: a reason for each remote that failed, by its name.
    """

    objects: tuple[str, ...]
    troubles: Mapping[str, ThetaError]

    @property
    def hint(self) -> str:
        """What to do about the first thing that was in the way; empty if the remotes don't have them."""
        reasons = (each for each in self.troubles.values() if not _absence(each))
        return next((each.hint for each in reasons if each.hint), "")


def repair(
    repository: Repository,
    damaged: Collection[str],
    missing: Collection[str],
    sizes: Mapping[str, int | None],
    remote: str = "",
) -> Repaired:
    """Fetch objects again, each checked against its name. A damaged one that no remote has stays.

    Args:
        repository: The repository.
        damaged: Objects that are here with other bytes.
        missing: Objects that aren't here.
        sizes: Sizes of objects, by name, where they're known.
        remote: Where from; else each remote is asked for what is still lacking, the branch's first.

    Raises:
        ThetaError: The store can't be written.
    """
    # Without its neighbours: what they have may be links to the same damaged files.
    store = LocalStore(repository.store.root)
    troubles: dict[str, ThetaError] = {}
    with quarantine(store) as away:
        for oid in damaged:
            away.take(oid)
        names = sorted({*damaged, *missing})
        wanted = [RemoteObject(oid, sizes.get(oid)) for oid in names]
        for name in [remote] if remote else fetch_remotes(repository):
            if not wanted:
                break
            failed = _fetch(repository, name, wanted, store)
            if failed:
                troubles[name] = failed
            wanted = [each for each in wanted if not store.has(each.oid)]
    lacking = {each.oid for each in wanted}
    return Repaired(tuple(oid for oid in names if oid not in lacking), troubles if wanted else {})


def _fetch(
    repository: Repository, name: str, wanted: list[RemoteObject], store: LocalStore
) -> ThetaError | None:
    """Fetch what a remote has of some objects; why it didn't give all of them."""
    try:
        with (
            connected(open_remote(repository, name, "download")) as place,
            progress(f"fetching from {place.url}", sum(each.size or 0 for each in wanted)) as advance,
        ):
            done = fetch(place, wanted, store, advance)
    except ThetaError as error:
        # Another remote may have them.
        return error
    return min(done.failed.values(), key=_absence, default=None)


def _absence(error: ThetaError) -> bool:
    """Whether nothing is in the way, but the object isn't there."""
    return isinstance(error, MissingObjectError)
