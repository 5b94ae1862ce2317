"""Push: send the objects that pushed commits need, before Git sends the commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from git_theta.errors import GitError, MissingObjectError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.credentials import knowing
from git_theta.git.plumbing.notices import note
from git_theta.git.remote.lfs_ref import REF, PointerCommit, make_commit, publish
from git_theta.git.remote.ref_updates import RefUpdate, pushed_manifests
from git_theta.git.remote.remotes import connected, open_remote, push_url
from git_theta.git.repository.manifest_walk import Version, blobs_of, in_index, objects_of
from git_theta.git.repository.repository import Repository
from git_theta.runtime.progress import progress
from git_theta.store.lfs.http_settings import same_server, without_password
from git_theta.store.remote import Remote, RemoteObject, TransferError
from git_theta.store.transfer import push, remote_has, remote_lacks
from git_theta.store.transfer_pool import Transferred

#: Objects of checked-out versions that are looked for, though an earlier push should have sent them.
_SAMPLE = 100


def push_updates(
    repository: Repository, name: str, url: str, updates: Sequence[RefUpdate]
) -> Transferred | None:
    """Send what the remote lacks of the objects that a push needs; `None` if it needs none.

    Args:
        repository: The repository.
        name: The remote's name, or its URL again if it has none.
        url: Where Git pushes to.
        updates: What the push does.

    Raises:
        MissingObjectError: An object is neither here nor there.
        ThetaError: The remote can't be reached, or refuses.
    """
    by_git = _carries_pointers(repository, url, updates)
    versions = pushed_manifests(repository.git, name, url, updates)
    if not versions:
        return None
    refs = [update.ref for update in updates if update.new]
    ref = refs[0] if len(refs) == 1 else None
    place = open_remote(repository, name, "upload", ref, push_url(repository.git, name, url))
    with connected(place) as remote:
        further = _unsent(repository, remote, [update.new for update in updates if update.new], versions)
        return send_objects(repository, remote, url, [*versions.values(), *further], pointers=not by_git)


def send_objects(
    repository: Repository, remote: Remote, url: str, versions: Iterable[Version], pointers: bool = True
) -> Transferred | None:
    """Send what a remote lacks of the objects of some manifests; `None` if they have none.

    Args:
        repository: The repository.
        remote: Where the objects go.
        url: Where Git pushes to. If the objects go to a Git LFS server, pointers to them go there.
        versions: The manifests.
        pointers: Whether pointers may be pushed.

    Raises:
        MissingObjectError: An object is neither here nor there.
        ThetaError: The remote can't be reached, or an object couldn't be sent.
    """
    store = repository.store
    objects = objects_of(versions, store.has)
    if not objects:
        return None
    sizes = {oid: store.size(oid) for oid in sorted(objects)}
    here = [RemoteObject(oid, size) for oid, size in sizes.items() if size is not None]
    elsewhere = [RemoteObject(oid, objects[oid]) for oid, size in sizes.items() if size is None]
    # As after a clone that fetched only what it needed.
    absent = {each.oid for each in elsewhere} - remote_has(remote, elsewhere)
    if absent:
        raise MissingObjectError(
            f"{len(absent)} of {len(objects)} objects that the push needs are neither here nor at "
            f"{remote.url}, for example {min(absent)}",
            "fetch them from where they are: git theta fetch --all",
        )
    wanted = pointers and remote.pointers and repository.settings.pointers
    sized = {each.oid: each.size for each in (*here, *elsewhere) if each.size}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(_early_draft, repository.git, url, sized) if wanted else None
        with progress(f"sending to {remote.url}", sum(each.size or 0 for each in here)) as advance:
            done = push(remote, here, store, advance)
    if done.failed:
        oid, reason = next(iter(done.failed.items()))
        raise TransferError(
            f"{len(done.failed)} of {len(here)} objects couldn't be sent to {remote.url}, for example {oid}: "
            f"{reason.message}",
            reason.hint or "what was sent stays there; try again",
        )
    if first:
        try:
            publish(_admitted(repository.git, url, remote), url, sized, first.result())
        except GitError as error:
            note(
                f"{remote.url} doesn't take {REF}, so its garbage collection may remove objects "
                f"(to be silent: git config theta.pointers false): {error.message}"
            )
    return done


def _early_draft(git: Git, url: str, objects: Mapping[str, int]) -> PointerCommit | None:
    """A draft made while objects are sent, if that's possible without asking the user anything."""
    if not url.startswith(("http://", "https://")):
        return None
    try:
        return make_commit(git.silent(), url, objects)
    except GitError:
        return None


def _unsent(
    repository: Repository, remote: Remote, tips: Sequence[str], versions: Mapping[str, Version]
) -> list[Version]:
    """Of the pushed tips, what is checked out, if an earlier push came without its objects.

    That's what `git push --no-verify` does. Looking for some of the objects is enough to see it, and costs
    one more question.
    """
    others = [version for version in in_index(repository.git) if version.oid not in versions]
    if not others:
        return []
    pushed = blobs_of(repository.git, tips)
    others = [version for version in others if version.oid in pushed]
    store, ours = repository.store, objects_of(versions.values())
    sizes = {oid: store.size(oid) for oid in sorted(objects_of(others).keys() - ours.keys())}
    here = [RemoteObject(oid, size) for oid, size in sizes.items() if size is not None]
    return others if remote_lacks(remote, here[:_SAMPLE]) else []


def _carries_pointers(repository: Repository, url: str, updates: Sequence[RefUpdate]) -> bool:
    """Whether Git itself is about to push the pointers' ref, as for a mirror.

    Raises:
        UsageError: It's about to delete that.
    """
    found = [update for update in updates if update.ref == REF]
    if repository.settings.pointers and any(not update.new for update in found):
        place = without_password(url)
        raise UsageError(
            f"this push would delete {REF} at {place}, which keeps its objects from garbage collection",
            f"to have it here and push it, too: git fetch {place} {REF}:{REF}; "
            "to delete it: git -c theta.pointers=false push",
        )
    return bool(found)


def _admitted(git: Git, url: str, remote: Remote) -> Git:
    """Git that uses what the user has already been asked for, if it's for the same server."""
    if remote.credential and same_server(url, remote.url):
        return knowing(git, url, remote.credential)
    return git
