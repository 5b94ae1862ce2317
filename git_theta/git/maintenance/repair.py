"""Repair: fetch damaged and missing objects again from remotes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from git_theta.errors import MissingObjectError, ThetaError
from git_theta.git.remote.remotes import connected, fetch_remotes, open_remote
from git_theta.git.repository.repository import Repository
from git_theta.runtime.progress import progress
from git_theta.store.local import LocalStore
from git_theta.store.remote import RemoteObject
from git_theta.store.transfer import fetch


@dataclass(frozen=True, slots=True)
class Repaired:
    """The result of a repair.

    Attributes:
        objects: Names of the repaired objects.
        errors: Why other objects weren't repaired: an error for each remote that failed, by its name.
    """

    objects: tuple[str, ...]
    errors: Mapping[str, ThetaError]

    @property
    def hint(self) -> str:
        """The hint of the first error that isn't just an absent object; empty if there's none."""
        hints = (error.hint for error in self.errors.values() if not _is_absence(error))
        return next(filter(None, hints), "")


def repair(
    repository: Repository,
    damaged: Collection[str],
    missing: Collection[str],
    sizes: Mapping[str, int | None],
    remote: str = "",
) -> Repaired:
    """Fetch objects again, each checked against its name. A damaged object that no remote has stays.

    Args:
        repository: The repository.
        damaged: Objects whose bytes don't have the SHA-256 of their name.
        missing: Objects that aren't here.
        sizes: Sizes of objects in bytes, by name, where they're known.
        remote: The remote to fetch from; when empty, each remote in turn, the branch's first.

    Raises:
        ThetaError: The store can't be written.
    """
    # Without its neighbours: their files may be links to the same damaged ones.
    store = repository.store.alone
    errors: dict[str, ThetaError] = {}
    with store.quarantine() as held:
        for oid in damaged:
            held.take(oid)
        names = sorted({*damaged, *missing})
        wanted = [RemoteObject(oid, sizes.get(oid)) for oid in names]
        for name in [remote] if remote else fetch_remotes(repository):
            if not wanted:
                break
            failed = _fetch(repository, name, wanted, store)
            if failed:
                errors[name] = failed
            wanted = [each for each in wanted if not store.has(each.oid)]
    lacking = {each.oid for each in wanted}
    return Repaired(tuple(oid for oid in names if oid not in lacking), errors if wanted else {})


def _fetch(
    repository: Repository, name: str, wanted: list[RemoteObject], store: LocalStore
) -> ThetaError | None:
    """Fetch some objects from a remote; returns the error if it doesn't give all of them."""
    try:
        with (
            connected(open_remote(repository, name, "download")) as source,
            progress(f"fetching from {source.url}", sum(each.size or 0 for each in wanted)) as advance,
        ):
            done = fetch(source, wanted, store, advance)
    except ThetaError as error:
        # Another remote may have them.
        return error
    return min(done.failed.values(), key=_is_absence, default=None)


def _is_absence(error: ThetaError) -> bool:
    """Whether the error is only that the remote doesn't have the object."""
    return isinstance(error, MissingObjectError)
