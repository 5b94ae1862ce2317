"""The objects that a push would send, for `git push --dry-run`."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.git.remote.ref_updates import RefUpdate, pushed_manifests
from git_theta.git.remote.remotes import connected, open_remote, push_url
from git_theta.git.repository.manifest_walk import object_sizes
from git_theta.git.repository.repository import Repository
from git_theta.store.remote import RemoteObject
from git_theta.store.transfer import remote_lacks


def sizes_to_send(repository: Repository, name: str, url: str, updates: Sequence[RefUpdate]) -> list[int]:
    """Sizes in bytes of the objects that a push would send. The remote is asked, and nothing changes there.

    Args:
        repository: The repository.
        name: Name of the remote, or its URL again if it has no name.
        url: The URL that Git pushes to.
        updates: The refs that the push updates.

    Raises:
        ThetaError: The remote can't be reached, or refuses.
    """
    store = repository.store
    versions = pushed_manifests(repository.git, name, url, updates).values()
    sizes = {oid: store.size(oid) for oid in sorted(object_sizes(versions, store.has))}
    here = [RemoteObject(oid, size) for oid, size in sizes.items() if size is not None]
    if not here:
        return []
    with connected(
        open_remote(repository, name, "upload", url=push_url(repository.git, name, url))
    ) as remote:
        wanted = remote_lacks(remote, here)
    return [each.size for each in here if each.size and each.oid in wanted]
