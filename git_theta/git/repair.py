"""Repair: get objects that are damaged or missing from remotes again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.git.remotes import opened, remote_of, sources
from git_theta.git.repository import Repository
from git_theta.progress import progress
from git_theta.store.aside import aside
from git_theta.store.local import LocalStore
from git_theta.store.remote import Wanted
from git_theta.store.transfer import fetch


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done.

    Attributes:
        objects: Those that are as they should be now.
        troubles: Why others aren't: one message for each remote that failed.
    """

    objects: tuple[str, ...]
    troubles: tuple[str, ...]


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
    troubles: list[str] = []
    with aside(store) as away:
        for oid in damaged:
            away.take(oid)
        names = sorted({*damaged, *missing})
        wanted = [Wanted(oid, sizes.get(oid)) for oid in names]
        for name in [remote] if remote else sources(repository):
            if not wanted:
                break
            wanted = _from(repository, name, wanted, store, troubles.append)
    lacking = {each.oid for each in wanted}
    return Repaired(tuple(oid for oid in names if oid not in lacking), tuple(troubles) if wanted else ())


def _from(
    repository: Repository, name: str, wanted: list[Wanted], store: LocalStore, tell: Callable[[str], object]
) -> list[Wanted]:
    """Fetch what a remote has of some objects, and return those that it hasn't."""
    try:
        with (
            opened(remote_of(repository, name, "download")) as place,
            progress(f"fetching from {place.url}", sum(each.size or 0 for each in wanted)) as advance,
        ):
            done = fetch(place, wanted, store, advance)
        if done.failed:
            tell(next(iter(done.failed.values())).message)
    except ThetaError as error:
        # Another remote may have them.
        tell(f"{name}: {error.message}")
    return [each for each in wanted if not store.has(each.oid)]
