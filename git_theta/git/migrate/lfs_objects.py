"""The objects of git-lfs in this repository, and those that aren't here."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.remote.remotes import connected, fetch_remotes, open_remote
from git_theta.git.repository.repository import Repository
from git_theta.report.text import plural
from git_theta.runtime.progress import progress
from git_theta.store.local import LocalStore
from git_theta.store.remote import RemoteObject
from git_theta.store.transfer import fetch

#: Gets objects into a store; what it can't get, it leaves.
Get = Callable[[Sequence[RemoteObject], LocalStore], object]


def lfs_store(repository: Repository) -> LocalStore:
    """Where git-lfs keeps its objects: they have the same names as ours, and the same folders."""
    common = repository.common_dir
    root = common / (repository.git.config("lfs.storage") or "lfs")
    return LocalStore(root, tuple(_neighbours(repository, root)))


def _neighbours(repository: Repository, root: Path) -> Iterator[Path]:
    """The same of remotes that are folders on this machine."""
    top = repository.common_dir.parent if repository.common_dir.name == ".git" else repository.common_dir
    for key, url in repository.git.settings.items():
        if key.startswith("remote.") and key.endswith(".url"):
            path = top / Path(url.removeprefix("file://")).expanduser()
            for folder in (path / ".git" / "lfs", path / "lfs"):
                if (folder / "objects").is_dir() and folder != root:
                    yield folder


def absent_objects(store: LocalStore, wanted: Mapping[str, int], ways: Iterable[Get]) -> None:
    """Get the objects of git-lfs that aren't here.

    Args:
        store: Where they belong.
        wanted: Their sizes by name.
        ways: What may have them, the nearest first.

    Raises:
        MissingObjectError: One is nowhere.
    """
    absent = [RemoteObject(oid, size) for oid, size in wanted.items() if not store.has(oid)]
    for get in ways:
        if absent:
            get(absent, store)
            absent = [each for each in absent if not store.has(each.oid)]
    if absent:
        raise MissingObjectError(
            f"{plural(len(absent), 'LFS object')} of {len(wanted)} can't be had, for example {absent[0].oid}",
            "git lfs fetch --all; or, if they're lost, migrate refs that don't need them",
        )


def from_work_tree(paths: Mapping[str, Iterable[bytes]]) -> Get:
    """Gets objects from files of the work tree: `git lfs prune` doesn't keep a second copy of those forever.

    Args:
        paths: Object → where its file may be.
    """

    def get(wanted: Sequence[RemoteObject], store: LocalStore) -> None:
        for each in wanted:
            for path in paths.get(each.oid, ()):
                with work_file(os.fsdecode(path)) as file:
                    if file and len(file.data) == each.size and _sha256(file.data) == each.oid:
                        store.put(pieces(file.data))
                        break

    return get


def from_servers(repository: Repository) -> Get:
    """Gets objects from the LFS servers of the repository's remotes."""

    def get(wanted: Sequence[RemoteObject], store: LocalStore) -> None:
        for name in fetch_remotes(repository):
            lacking = [each for each in wanted if not store.has(each.oid)]
            # Another remote may have what this one hasn't, and in the end it's told what is lacking.
            with (
                suppress(ThetaError),
                connected(open_remote(repository, name, "download")) as remote,
                progress(f"fetching from {remote.url}", sum(w.size or 0 for w in lacking)) as advance,
            ):
                fetch(remote, lacking, store, advance)

    return get


def checked(store: LocalStore, oid: str, size: int) -> memoryview:
    """An object, once its bytes are known to be right.

    Raises:
        MissingObjectError: It isn't there.
        CorruptError: It's another file than its name and size say.
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


def pieces(data: memoryview, size: int = 4 << 20) -> Iterator[memoryview]:
    """Bytes, a few at a time."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
