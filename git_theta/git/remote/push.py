"""Push: upload the objects that pushed commits need, before Git pushes the commits."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from git_theta.errors import GitError, MissingObjectError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.credentials import with_credential
from git_theta.git.plumbing.notices import note
from git_theta.git.remote.lfs_ref import REF, PointerCommit, make_commit, publish
from git_theta.git.remote.ref_updates import RefUpdate, pushed_manifests
from git_theta.git.remote.remote_tables import push_table
from git_theta.git.remote.remotes import connected, foreign_place, open_remote, push_url
from git_theta.git.remote.replaced_objects import lost_objects, table_objects
from git_theta.git.repository.manifest_walk import ManifestBlob, index_manifests, object_sizes, tree_objects
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.source_table import REF as TABLE_REF
from git_theta.git.repository.source_table import is_source_table
from git_theta.report.text import plural, transferred
from git_theta.runtime.progress import progress
from git_theta.store.local import LocalStore
from git_theta.store.remote import Remote, RemoteObject, TransferError
from git_theta.store.transfer import push, remote_has, remote_lacks
from git_theta.store.transfer_pool import Transferred
from git_theta.store.urls import same_server, without_password

if TYPE_CHECKING:
    from git_theta.store.lfs.client import LfsRemote

#: Objects of checked-out versions that are looked for, though an earlier push should have sent them.
_SAMPLE = 100


def push_updates(
    repository: Repository, name: str, url: str, updates: Sequence[RefUpdate]
) -> Transferred | None:
    """Upload what the remote lacks of the objects that a push needs; `None` if it needs none.

    Args:
        repository: The repository.
        name: Name of the remote, or its URL again if it has no name.
        url: The URL that Git pushes to.
        updates: The refs that the push updates.

    Raises:
        MissingObjectError: An object is neither here nor there.
        ThetaError: The remote can't be reached, or refuses.
    """
    git_pushes_pointers = _git_pushes_pointers(repository, url, updates)
    versions = pushed_manifests(repository.git, name, url, updates)
    if not versions:
        return None
    refs = [update.ref for update in updates if update.new]
    ref = refs[0] if len(refs) == 1 else None
    opened = open_remote(repository, name, "upload", ref, push_url(repository.git, name, url))
    with connected(opened) as remote:
        tips = [update.new for update in updates if update.new]
        further = _unsent_checkouts(repository, remote, tips, versions)
        return send_objects(
            repository,
            remote,
            url,
            [*versions.values(), *further],
            pointers=not git_pushes_pointers,
            pushes_table=any(update.ref == TABLE_REF for update in updates),
        )


def send_objects(
    repository: Repository,
    remote: Remote,
    url: str,
    versions: Iterable[ManifestBlob],
    pointers: bool = True,
    pushes_table: bool = False,
) -> Transferred | None:
    """Upload what a remote lacks of the objects of some manifests; `None` if they have none.

    Args:
        repository: The repository.
        remote: The place for the objects.
        url: The URL that Git pushes to. For objects on a Git LFS server, pointers are pushed there.
        versions: The manifests.
        pointers: Whether pointers may be pushed.
        pushes_table: Whether Git itself pushes the table of alternative sources. If not, it's pushed here
            where alternative sources replace objects that are nowhere any more.

    Raises:
        MissingObjectError: An object is neither here nor there, and nothing replaces it.
        ThetaError: The remote can't be reached, or an object couldn't be sent.
    """
    every, store = list(versions), repository.store
    files = [each for each in every if not (each.manifest and is_source_table(each.manifest))]
    objects = _divide(store, object_sizes(files, store.has))
    absent = _absent(remote, objects)
    if absent:
        _require_alternatives(store, files, objects, absent, remote.url)
        objects = objects.without(absent)
    if absent or len(files) < len(every):
        objects = objects.with_further(store, table_objects(repository))
    if not objects.here and not objects.elsewhere:
        return None
    place = foreign_place(remote, url, "upload")
    done = replace(_send(repository, remote, url, objects, pointers), place=place)
    if absent and not pushes_table:
        push_table(repository, _with_credential(repository.git, remote, url), url)
        note(f"sent {TABLE_REF}, too: alternative sources replace {plural(len(absent), 'object')}")
    return done


def _send(
    repository: Repository, remote: Remote, url: str, objects: _PushedObjects, pointers: bool
) -> Transferred:
    """Upload objects, and push pointers to them if their place needs any."""
    server = _lfs_server(remote) if pointers and repository.settings.pointers else None
    if server is None:
        return _upload(remote, objects.here, repository.store)
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(_early_commit, repository.git, url, objects.sizes)
        done = _upload(remote, objects.here, repository.store)
    _publish_pointers(repository.git, server, url, objects.sizes, early.result())
    return done


@dataclass(frozen=True, slots=True)
class _PushedObjects:
    """The objects that a push needs.

    Attributes:
        here: Objects in the local store.
        elsewhere: Objects that only the remote may have, as after a clone that fetched only what it needed.
    """

    here: Sequence[RemoteObject]
    elsewhere: Sequence[RemoteObject]

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes in bytes by name, where they are known."""
        return {each.oid: each.size for each in (*self.here, *self.elsewhere) if each.size}

    def without(self, oids: Container[str]) -> _PushedObjects:
        """The same objects without some that are elsewhere."""
        return replace(self, elsewhere=[each for each in self.elsewhere if each.oid not in oids])

    def with_further(self, store: LocalStore, oids: Iterable[str]) -> _PushedObjects:
        """The same objects with others, as far as they are here."""
        known = {each.oid for each in self.here}
        sizes = {oid: store.size(oid) for oid in sorted(set(oids) - known)}
        further = [RemoteObject(oid, size) for oid, size in sizes.items() if size is not None]
        return replace(self, here=[*self.here, *further])


def _divide(store: LocalStore, objects: Mapping[str, int | None]) -> _PushedObjects:
    """Divide objects, given by name with their sizes in manifests, by whether the store has them."""
    sizes = {oid: store.size(oid) for oid in sorted(objects)}
    return _PushedObjects(
        here=[RemoteObject(oid, size) for oid, size in sizes.items() if size is not None],
        elsewhere=[RemoteObject(oid, objects[oid]) for oid, size in sizes.items() if size is None],
    )


def _absent(remote: Remote, objects: _PushedObjects) -> frozenset[str]:
    """Names of the objects that are neither here nor at the remote."""
    return frozenset({each.oid for each in objects.elsewhere} - remote_has(remote, objects.elsewhere))


def _require_alternatives(
    store: LocalStore,
    versions: Iterable[ManifestBlob],
    objects: _PushedObjects,
    absent: frozenset[str],
    url: str,
) -> None:
    """Check that alternative sources replace all objects that are neither here nor at the remote.

    Raises:
        MissingObjectError: A value has no such source.
    """
    lost = lost_objects(store, versions, absent)
    if lost:
        total = len(objects.here) + len(objects.elsewhere)
        raise MissingObjectError(
            f"{len(lost)} of {total} objects that the push needs are neither here nor at "
            f"{url}, for example {min(lost)}",
            "fetch them from where they are: git theta fetch --all",
        )


def _upload(remote: Remote, objects: Sequence[RemoteObject], store: LocalStore) -> Transferred:
    """Upload objects that the remote lacks.

    Raises:
        TransferError: One couldn't be sent. Others may have been.
    """
    with progress(f"sending to {remote.url}", sum(each.size or 0 for each in objects)) as advance:
        done = push(remote, objects, store, advance)
    if done.failed:
        oid, reason = next(iter(done.failed.items()))
        raise TransferError(
            f"{len(done.failed)} of {len(objects)} objects couldn't be sent to {remote.url}, for example "
            f"{oid}: {reason.message}",
            reason.hint or "what was sent stays there; try again",
        )
    return done


def sent_text(done: Transferred) -> str:
    """A push in words, with the place of the objects if it isn't the remote's own host."""
    place = f"to {done.place}" if done.place else ""
    return transferred("sent", done.count, done.bytes, done.seconds, place)


def _with_credential(git: Git, remote: Remote, url: str) -> Git:
    """Git with the password that the user has been asked for already, if it's for the same server."""
    server = _lfs_server(remote)
    if server and server.credential and same_server(url, server.url):
        return with_credential(git, url, server.credential)
    return git


def _lfs_server(remote: Remote) -> LfsRemote | None:
    """The remote if it is a Git LFS server: those delete objects that no pointer in the repository names."""
    from git_theta.store.lfs.client import LfsRemote

    return remote if isinstance(remote, LfsRemote) else None


def _early_commit(git: Git, url: str, sizes: Mapping[str, int]) -> PointerCommit | None:
    """A commit of pointers, made while objects are sent, if the user needn't be asked for a password."""
    if not url.startswith(("http://", "https://")):
        return None
    try:
        return make_commit(git.silent(), url, sizes)
    except GitError:
        return None


def _publish_pointers(
    git: Git, server: LfsRemote, url: str, sizes: Mapping[str, int], early: PointerCommit | None
) -> None:
    """Push pointers to objects, or tell the user that the repository's host doesn't take them."""
    try:
        publish(_with_credential(git, server, url), url, sizes, early)
    except GitError as error:
        note(
            f"{server.url} doesn't take {REF}, so its garbage collection may remove objects "
            f"(to be silent: git config theta.pointers false): {error.message}"
        )


def _unsent_checkouts(
    repository: Repository, remote: Remote, tips: Sequence[str], versions: Mapping[str, ManifestBlob]
) -> list[ManifestBlob]:
    """Checked-out versions that the pushed tips contain and whose objects an earlier push didn't send.

    `git push --no-verify` causes that. A sample of the objects is enough to notice, and costs one request.

    Args:
        repository: The repository.
        remote: The place for the objects.
        tips: Pushed commits.
        versions: Versions that this push brings anyway, by blob id.
    """
    others = [version for version in index_manifests(repository.git) if version.oid not in versions]
    if not others:
        return []
    pushed = tree_objects(repository.git, tips)
    others = [version for version in others if version.oid in pushed]
    store, known = repository.store, object_sizes(versions.values())
    sizes = {oid: store.size(oid) for oid in sorted(object_sizes(others).keys() - known.keys())}
    here = [RemoteObject(oid, size) for oid, size in sizes.items() if size is not None]
    return others if remote_lacks(remote, here[:_SAMPLE]) else []


def _git_pushes_pointers(repository: Repository, url: str, updates: Sequence[RefUpdate]) -> bool:
    """Whether Git itself pushes the ref of pointers, as from a mirror.

    Raises:
        UsageError: The push would delete the ref.
    """
    found = [update for update in updates if update.ref == REF]
    if repository.settings.pointers and any(not update.new for update in found):
        shown = without_password(url)
        raise UsageError(
            f"this push would delete {REF} at {shown}, which keeps its objects from garbage collection",
            f"to have it here and push it, too: git fetch {shown} {REF}:{REF}; "
            "to delete it: git -c theta.pointers=false push",
        )
    return bool(found)
