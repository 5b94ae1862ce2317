"""The objects of git-lfs in this repository, and those that aren't here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.git.install.git_lfs import lfs_folder
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.remote.remotes import connected, fetch_remotes, open_remote
from git_theta.git.repository.repository import Repository
from git_theta.report.text import plural
from git_theta.runtime.progress import progress
from git_theta.store.local import LocalStore
from git_theta.store.remote import RemoteObject
from git_theta.store.transfer import fetch

#: Fetches objects into a store, as far as it can.
LfsFetcher = Callable[[Sequence[RemoteObject], LocalStore], object]


def lfs_store(repository: Repository) -> LocalStore:
    """The objects of git-lfs, which have the same names and folders as ours."""
    root = lfs_folder(repository)
    return LocalStore(root, tuple(_neighbours(repository, root)))


def _neighbours(repository: Repository, root: Path) -> Iterator[Path]:
    """Objects of git-lfs in remotes that are folders on this machine."""
    for path in repository.remote_folders:
        for folder in (path / ".git" / "lfs", path / "lfs"):
            if (folder / "objects").is_dir() and folder != root:
                yield folder


def fetch_absent(store: LocalStore, wanted: Mapping[str, int], fetchers: Iterable[LfsFetcher]) -> None:
    """Fetch the objects of git-lfs that aren't here.

    Args:
        store: The objects of git-lfs.
        wanted: Sizes of all objects that are needed, by oid.
        fetchers: Tried one after another, the nearest first.

    Raises:
        MissingObjectError: No fetcher has an object.
    """
    absent = [RemoteObject(oid, size) for oid, size in wanted.items() if not store.has(oid)]
    for fetch_some in fetchers:
        if absent:
            fetch_some(absent, store)
            absent = [each for each in absent if not store.has(each.oid)]
    if absent:
        raise MissingObjectError(
            f"{plural(len(absent), 'LFS object')} of {len(wanted)} can't be had, for example {absent[0].oid}",
            "git lfs fetch --all; or, if they're lost, migrate refs that don't need them",
        )


def work_tree_fetcher(git: Git, paths: Mapping[str, Iterable[bytes]]) -> LfsFetcher:
    """A fetcher of objects that are files of the work tree: `git lfs prune` removes older copies of those.

    Args:
        git: Git at the top of the work tree.
        paths: Oid of an object → paths at which its file may be.
    """

    def fetch_some(wanted: Sequence[RemoteObject], store: LocalStore) -> None:
        for each in wanted:
            for path in paths.get(each.oid, ()):
                with work_file(git.path(os.fsdecode(path))) as file:
                    if file and len(file.data) == each.size and _sha256(file.data) == each.oid:
                        store.put(chunks(file.data))
                        break

    return fetch_some


def server_fetcher(repository: Repository) -> LfsFetcher:
    """A fetcher of objects from the LFS servers of the repository's remotes."""

    def fetch_some(wanted: Sequence[RemoteObject], store: LocalStore) -> None:
        for name in fetch_remotes(repository):
            lacking = [each for each in wanted if not store.has(each.oid)]
            # Another remote may have the objects; in the end, those that are absent still are reported.
            with (
                suppress(ThetaError),
                connected(open_remote(repository, name, "download")) as remote,
                progress(f"fetching from {remote.url}", sum(w.size or 0 for w in lacking)) as advance,
            ):
                fetch(remote, lacking, store, advance)

    return fetch_some


def verified_object(store: LocalStore, oid: str, size: int) -> memoryview:
    """An object whose size and SHA-256 have been checked.

    Raises:
        MissingObjectError: It isn't there.
        CorruptError: Its size or SHA-256 is wrong.
    """
    data = store.get(oid)
    if len(data) != size or _sha256(data) != oid:
        raise CorruptError(
            f"LFS object {oid} is damaged: {store.path(oid)}",
            "remove that file, and run `git lfs fetch --all`",
        )
    return data


def _sha256(data: memoryview) -> str:
    return hashlib.sha256(data).hexdigest()


def chunks(data: memoryview, size: int = 4 << 20) -> Iterator[memoryview]:
    """Bytes, `size` at a time."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
