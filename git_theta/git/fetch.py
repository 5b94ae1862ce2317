"""Fetch: get objects that aren't here from the remotes, for many files at once."""

from __future__ import annotations

from collections.abc import Collection

from git_theta.errors import MissingObjectError, ThetaError
from git_theta.git.remotes import opened, remote_of, sources
from git_theta.git.repository import Repository
from git_theta.store.base import missing
from git_theta.store.remote import Wanted
from git_theta.store.transfer import fetch


def fetch_objects(repository: Repository, oids: Collection[str], remote: str = "") -> int:
    """Get those of some objects that aren't here, and return their number.

    Args:
        repository: The repository.
        oids: Their names.
        remote: Where from; else each remote is asked for what is still lacking, the branch's first.

    Raises:
        MissingObjectError: No remote has an object.
        ThetaError: A remote can't be reached, or an object couldn't be fetched.
    """
    store = repository.store
    lacking = [Wanted(oid, None) for oid in sorted(oids) if not store.has(oid)]
    wanted, trouble = lacking, list[ThetaError]()
    for name in [remote] if remote else sources(repository):
        if not wanted:
            break
        try:
            with opened(remote_of(repository, name, "download")) as place:
                done = fetch(place, wanted, store)
            trouble += done.failed.values()
        except ThetaError as error:
            # Another remote may have them.
            trouble.append(error)
        wanted = [each for each in wanted if not store.has(each.oid)]
    if wanted and trouble:
        raise trouble[0]
    if wanted:
        more = f", and {len(wanted) - 1} more," if len(wanted) > 1 else ""
        hint = missing(wanted[0].oid).hint
        raise MissingObjectError(f"object {wanted[0].oid}{more} isn't here nor at any remote", hint)
    return len(lacking)
