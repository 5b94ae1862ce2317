"""The local store: one file per object under `<git-common-dir>/theta/objects`.

An object appears under its name only when all of its bytes are on disk: a temporary file, fsync,
then rename. A killed process leaves at worst a file in `tmp`, which `sweep` removes later.
"""

from __future__ import annotations

import errno
import mmap
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from git_theta.errors import CorruptError, ThetaError
from git_theta.store.base import missing_object
from git_theta.store.names import is_object_name, object_path
from git_theta.store.value_cache import ValueCache

#: Temporary files older than this belong to no running process.
_STALE_SECONDS = 24 * 3600

#: A download that broke off may be continued so many times longer, and folders of commands stay as long.
_PATIENCE = 14

#: How the folders are called that commands have all of their files in.
_COMMANDS = ("migrate-", "preview-")

#: Parts of an object up to this size are read: a map for each of thousands of small payloads costs more.
_COPIED = 1 << 20

#: An object that was written or claimed less long ago needn't be marked again; `prune` leaves it for longer.
_FRESH_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """An object whose bytes are in a temporary file.

    Attributes:
        oid: Its name.
        size: How many they are.
        handle: The file's descriptor.
        name: The file's path.
    """

    oid: str
    size: int
    handle: int
    name: str


class LocalStore:
    """Objects in a folder.

    Args:
        root: The folder `theta` in Git's common directory; made when first written to.
        neighbours: The same folder of repositories on this machine that this one was cloned from. What
            they have is linked or copied when it's first needed, as `git clone` does with its objects.
    """

    def __init__(self, root: Path, neighbours: tuple[Path, ...] = ()) -> None:
        self.root = root
        self._neighbours = tuple(LocalStore(path) for path in neighbours)

    @property
    def tmp(self) -> Path:
        """Folder for temporary files, on the same file system as the objects."""
        return self.root / "tmp"

    @property
    def incoming(self) -> Path:
        """Folder for downloads that aren't complete yet, each under its object's name."""
        return self.tmp / "incoming"

    @property
    def aside(self) -> Path:
        """Folder for objects that were taken out; see `git_theta.store.quarantine`."""
        return self.tmp / "aside"

    @cached_property
    def value_cache(self) -> ValueCache:
        """Values that were just computed."""
        return ValueCache(self.tmp / "values")

    def path(self, oid: str) -> Path:
        """Where an object is or would be.

        Raises:
            ValueError: The name isn't 64 hexadecimal digits, so it can't leave the folder.
        """
        return self.root / object_path(oid)

    def has(self, oid: str) -> bool:
        """Whether the object is there, or at a neighbour."""
        return (
            self.path(oid).exists()
            or any(store.has(oid) for store in self._neighbours)
            or self._is_brought_back(oid)
        )

    def claim(self, oid: str) -> bool:
        """Whether the object is there, as `has`, for something new that will name it.

        It counts as just written then, so that `prune` leaves it until that does.
        """
        return (
            _renew(self.path(oid)) is not None
            or any(store.claim(oid) for store in self._neighbours)
            or self.has(oid)
        )

    def size(self, oid: str) -> int | None:
        """Size of the object in bytes, here or at a neighbour; `None` if it isn't there."""
        with suppress(FileNotFoundError):
            return self.path(oid).stat().st_size
        sizes = (store.size(oid) for store in self._neighbours)
        return next((size for size in sizes if size is not None), None)

    def get(self, oid: str) -> memoryview:
        """The object, memory-mapped.

        Raises:
            MissingObjectError: It isn't there.
        """
        with self._opened(oid) as handle:
            # An empty file can't be mapped.
            if os.fstat(handle).st_size == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ))

    def part(self, oid: str, offset: int, length: int) -> memoryview:
        """A range of the object, in memory if it's short; fewer bytes where the object ends.

        Raises:
            MissingObjectError: It isn't there.
        """
        if length > _COPIED:
            return self.get(oid)[offset : offset + length]
        with self._opened(oid) as handle:
            length = min(length, os.fstat(handle).st_size - offset)
            # A range may be anything that a manifest says, also no position of any file.
            return memoryview(os.pread(handle, length, offset) if length > 0 else b"")

    def open(self, oid: str) -> BinaryIO:
        """The object as a file, open for reading.

        Raises:
            MissingObjectError: It isn't there.
            OSError: It can't be read.
        """
        if not self.path(oid).exists():
            self._borrow(oid)
        return self.path(oid).open("rb")

    def put(self, pieces: Iterable[bytes | memoryview]) -> str:
        """Write an object; see `Store.put`.

        Raises:
            ThetaError: The disk is full, or the store can't be written; nothing is left behind.
        """
        written = self.write(pieces)
        self.commit(written)
        return written.oid

    def write(self, pieces: Iterable[bytes | memoryview]) -> WrittenObject:
        """Write an object's bytes without waiting for the disk; it's there once it's settled.

        Raises:
            ThetaError: As for `put`.
        """
        # OpenSSL takes 4 ms to load, and `git status` doesn't need it.
        import hashlib

        with store_errors(self.root):
            handle, name = self._temporary()
            try:
                with os.fdopen(handle, "wb", buffering=1 << 17, closefd=False) as file:
                    hasher, size = hashlib.sha256(), 0
                    for piece in pieces:
                        hasher.update(piece)
                        size += file.write(piece)
                return WrittenObject(hasher.hexdigest(), size, handle, name)
            except BaseException:
                _discard(handle, name)
                raise

    def commit(self, written: WrittenObject) -> None:
        """Make a written object durable, and give it its name. To be called once.

        Raises:
            ThetaError: As for `put`.
        """
        target = self.path(written.oid)
        with store_errors(self.root):
            try:
                # One of another size was cut off, and is replaced.
                if _renew(target) != written.size:
                    os.fsync(written.handle)
                    # Objects never change: read-only guards against a tool that edits in place.
                    os.fchmod(written.handle, 0o444)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    os.rename(written.name, target)
            finally:
                _discard(written.handle, written.name)

    def adopt(self, file: BinaryIO, path: Path, oid: str) -> None:
        """Make an open file in `tmp` an object, durably; its bytes must have been checked against the name.

        Args:
            file: The file, open for writing.
            path: Its name.
            oid: The object's name.

        Raises:
            OSError: The disk is full, or the store can't be written; the file stays where it was.
        """
        file.flush()
        os.fsync(file.fileno())
        target = self.path(oid)
        target.parent.mkdir(parents=True, exist_ok=True)
        # The mode comes last: a process killed between the two must leave a file that can be written.
        os.rename(path, target)
        os.fchmod(file.fileno(), 0o444)

    def list(self) -> Iterator[tuple[str, int]]:
        """Names and sizes of all objects."""
        for path in (self.root / "objects").glob("??/??/*"):
            if is_object_name(path.name):
                yield path.name, path.stat().st_size

    def verify(self, oid: str) -> None:
        """Check an object's bytes against its name.

        Raises:
            MissingObjectError: It isn't there.
            CorruptError: The bytes have another digest.
        """
        import hashlib

        data = self.get(oid)
        if hashlib.sha256(data).hexdigest() != oid:
            raise CorruptError(
                f"object {oid} is damaged: its bytes have another SHA-256",
                f"replace {self.path(oid)} by the file of the same name from another clone",
            )

    def temporary_file(self) -> int:
        """A descriptor of a new file in `tmp` that has no name any more, for reading and writing."""
        handle, name = self._temporary()
        os.unlink(name)
        return handle

    def sweep(self, older_than: float = _STALE_SECONDS) -> int:
        """Remove temporary files that killed processes left, and return how many."""
        resumable = older_than * _PATIENCE
        return _remove_old(self.tmp, older_than) + _remove_old(self.incoming, resumable)

    def _is_brought_back(self, oid: str) -> bool:
        """Whether the object is there after all, because a killed process had taken it out."""
        if not (self.aside / oid).exists():
            return False
        from git_theta.store.quarantine import restore_quarantined

        restore_quarantined(self)
        return self.path(oid).exists()

    def _borrow(self, oid: str) -> None:
        for store in self._neighbours:
            if store.has(oid):
                source, target = store.path(oid), self.path(oid)
                target.parent.mkdir(parents=True, exist_ok=True)
                with suppress(OSError):
                    os.link(source, target)
                    return
                if self.put([store.get(oid)]) != oid:
                    raise CorruptError(f"object {oid} is damaged in {store.root}")
                return
        if not self._is_brought_back(oid):
            raise missing_object(oid)

    @contextmanager
    def _opened(self, oid: str) -> Iterator[int]:
        try:
            handle = self._open(oid)
            try:
                yield handle
            finally:
                os.close(handle)
        except OSError as error:
            raise ThetaError(f"object {oid} can't be read: {error.strerror}") from error

    def _open(self, oid: str) -> int:
        flags = os.O_RDONLY | os.O_CLOEXEC
        try:
            return os.open(self.path(oid), flags)
        except FileNotFoundError:
            self._borrow(oid)
            return os.open(self.path(oid), flags)

    def _temporary(self) -> tuple[int, str]:
        # `git status` writes nothing.
        import tempfile

        try:
            return tempfile.mkstemp(dir=self.tmp)
        except FileNotFoundError:
            self.tmp.mkdir(parents=True, exist_ok=True)
            return tempfile.mkstemp(dir=self.tmp)


@contextmanager
def store_errors(root: Path) -> Iterator[None]:
    """Turn failures to write to the store at `root` into errors that say so.

    Raises:
        ThetaError: Something in the block raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise ThetaError(
            f"can't write to the store {root}: {error.strerror or error}",
            "free some disk space and try again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "",
        ) from error


def _renew(path: Path) -> int | None:
    """Make a file count as just written; its size, or `None` if it isn't there."""
    with suppress(FileNotFoundError, NotADirectoryError):
        status = path.stat()
        if status.st_mtime < time.time() - _FRESH_SECONDS:
            try:
                os.utime(path)
            except FileNotFoundError:
                # It was taken out at this moment.
                return None
            except OSError:
                # It may belong to somebody else, or to a disk that's read-only.
                pass
        return status.st_size
    return None


def _remove_old(folder: Path, seconds: float) -> int:
    removed = 0
    if folder.is_dir():
        for path in folder.iterdir():
            with suppress(OSError):
                removed += _remove_folder(path, seconds) if path.is_dir() else _remove_file(path, seconds)
    return removed


def _remove_file(path: Path, seconds: float) -> bool:
    if path.lstat().st_mtime >= time.time() - seconds:
        return False
    path.unlink()
    return True


def _remove_folder(path: Path, seconds: float) -> bool:
    """Remove what a command had all of its files in; it may be a long one."""
    # What others have is looked after in another way, or needed.
    if not path.name.startswith(_COMMANDS):
        return False
    if max(each.lstat().st_mtime for each in (path, *path.rglob("*"))) >= time.time() - seconds * _PATIENCE:
        return False
    import shutil

    shutil.rmtree(path)
    return True


def _discard(handle: int, name: str) -> None:
    os.close(handle)
    with suppress(OSError):
        os.unlink(name)
