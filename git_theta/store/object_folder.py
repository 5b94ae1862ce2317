"""Objects in one folder: one file each, under `objects`.

An object appears under its name only when all of its bytes are on disk; see `git_theta.store.object_files`.
"""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from git_theta.errors import CorruptError, ThetaError
from git_theta.store.base import missing_object, store_errors
from git_theta.store.mapped_objects import MappedObjects
from git_theta.store.names import is_object_name, object_path
from git_theta.store.object_files import (
    WrittenObject,
    adopt_file,
    commit_object,
    create_temporary,
    open_regular,
    regular_size,
    write_object,
)
from git_theta.store.opened_bundles import OpenedBundles
from git_theta.store.value_cache import ValueCache
from git_theta.store.verified_objects import VerifiedObjects

if TYPE_CHECKING:
    from git_theta.store.quarantine import Quarantine

#: Ranges of up to this many bytes are read: a map for each of thousands of small payloads costs more.
_READ_BELOW = 1 << 20

#: Errors of a folder that may only be read.
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


class ObjectFolder:
    """Objects in a folder.

    Args:
        root: The folder, such as `theta` in Git's common directory; made when first written to.
        mapped: Keeps the objects mapped that parts are read of; `None` to open an object for each.

    Attributes:
        bundles: See `Store.bundles`.
    """

    def __init__(self, root: Path, mapped: MappedObjects | None = None) -> None:
        self.root = root
        self.bundles = OpenedBundles()
        self._root = str(root)
        self._verified = VerifiedObjects()
        self._mapped = mapped

    @property
    def tmp(self) -> Path:
        """Folder for temporary files, on the same file system as the objects."""
        return self.root / "tmp"

    @property
    def incoming(self) -> Path:
        """Folder for partial downloads, each under its object's name."""
        return self.tmp / "incoming"

    @property
    def quarantine_folder(self) -> Path:
        """Folder for objects in quarantine."""
        return self.tmp / "aside"

    @cached_property
    def value_cache(self) -> ValueCache:
        """Values that were just computed."""
        return ValueCache(self.tmp / "values")

    def path(self, oid: str) -> Path:
        """Path of an object, whether it's there or not.

        Raises:
            ValueError: The name isn't 64 hexadecimal digits, and could lead out of the folder.
        """
        return Path(self._place(oid))

    @property
    def writable(self) -> bool:
        """Whether this process may write to the store."""
        folder = next((each for each in (self.tmp, self.root) if each.exists()), self.root.parent)
        return os.access(folder, os.W_OK | os.X_OK)

    def has(self, oid: str) -> bool:
        """Whether the object can be read now."""
        return os.path.isfile(self._place(oid)) or self._comes_back(oid)

    def size(self, oid: str) -> int | None:
        """Size of the object in bytes; `None` if it isn't there."""
        return regular_size(self.path(oid))

    def get(self, oid: str) -> memoryview:
        """The object, memory-mapped.

        Raises:
            MissingObjectError: The object isn't there.
        """
        with self._opened(oid) as handle:
            return _mapped(handle, os.fstat(handle).st_size)

    def part(self, oid: str, offset: int, length: int) -> memoryview:
        """A range of the object, in memory if it's short; fewer bytes where the object ends.

        Raises:
            MissingObjectError: The object isn't there.
        """
        if length > _READ_BELOW:
            return self.get(oid)[offset : offset + length]
        if self._mapped:
            return self._mapped.get(oid, self.get)[offset : offset + length]
        with self._opened(oid) as handle:
            length = min(length, os.fstat(handle).st_size - offset)
            # A manifest may name any range, also one that no file has.
            return memoryview(os.pread(handle, length, offset) if length > 0 else b"")

    def open(self, oid: str) -> BinaryIO:
        """The object as a file, open for reading.

        Raises:
            MissingObjectError: The object isn't there.
            OSError: The object can't be read.
        """
        path = self.path(oid)
        return open(path if path.exists() else self._found(oid), "rb", opener=open_regular)

    def list(self) -> Iterator[tuple[str, int]]:
        """Names and sizes of all objects."""
        for path in (self.root / "objects").glob("??/??/*"):
            size = regular_size(path) if is_object_name(path.name) else None
            if size is not None:
                yield path.name, size

    def verify(self, oid: str) -> None:
        """Check the bytes of an object against its name, once as long as its file doesn't change.

        Raises:
            MissingObjectError: The object isn't there.
            CorruptError: The bytes have another SHA-256.
        """
        import hashlib

        with self._opened(oid) as handle:
            status = os.fstat(handle)
            if self._verified.has(oid, status):
                return
            if hashlib.sha256(_mapped(handle, status.st_size)).hexdigest() != oid:
                raise CorruptError(
                    f"object {oid} is damaged: its bytes have another SHA-256",
                    f"replace {self.path(oid)} by the file of the same name from another clone",
                )
        self._verified.add(oid, status)

    def put(self, pieces: Iterable[bytes | memoryview]) -> str:
        """Write an object; see `Store.put`.

        Raises:
            ThetaError: The disk is full, or the store can't be written; nothing is left behind.
        """
        written = self.write(pieces)
        self.commit(written)
        return written.oid

    def write(self, pieces: Iterable[bytes | memoryview]) -> WrittenObject:
        """Write the bytes of an object without waiting for the disk. `commit` then adds it to the store.

        Raises:
            ThetaError: As for `put`.
        """
        with store_errors(self.root):
            return write_object(self.tmp, pieces)

    def commit(self, written: WrittenObject) -> None:
        """Make a written object durable, and add it to the store. To be called once.

        Raises:
            ThetaError: As for `put`.
        """
        with store_errors(self.root):
            commit_object(written, self.path(written.oid))

    def adopt(self, file: BinaryIO, path: Path, oid: str) -> None:
        """Make an open file in `tmp` an object; its bytes must have been checked against the name.

        Args:
            file: The file, open for writing.
            path: Path of the file.
            oid: Name of the object.

        Raises:
            OSError: The disk is full, or the store can't be written; the file stays where it was.
        """
        adopt_file(file, path, self.path(oid))

    def temporary_file(self) -> int:
        """A descriptor of a new file without a name, for reading and writing.

        It's in the system's folder for temporary files if this repository may only be read.

        Raises:
            OSError: The file can't be made.
        """
        try:
            handle, name = create_temporary(self.tmp)
        except OSError as error:
            if error.errno not in _READ_ONLY:
                raise
            from git_theta.model.strided import temporary_file

            return temporary_file()
        os.unlink(name)
        return handle

    def sweep(self) -> int:
        """Remove temporary files that killed processes left, and return how many."""
        from git_theta.store.sweep import sweep

        return sweep(self.tmp, self.incoming)

    @contextmanager
    def quarantine(self) -> Iterator[Quarantine]:
        """Take objects out of the store; those that weren't dropped go back when the context ends.

        Raises:
            ThetaError: The store can't be written, or another process uses the quarantine.
        """
        from git_theta.store.quarantine import quarantine

        with store_errors(self.root), quarantine(self.quarantine_folder, self.path) as held:
            yield held

    def restore_quarantined(self) -> None:
        """Put back the objects that a killed process left in quarantine."""
        from git_theta.store.quarantine import restore_quarantined

        restore_quarantined(self.quarantine_folder, self.path)

    def _place(self, oid: str) -> str:
        """The path of an object as text, which is made sooner than a `Path`."""
        return f"{self._root}/{object_path(oid)}"

    def _comes_back(self, oid: str) -> bool:
        """Whether the object is here after all, because a killed process left it in quarantine."""
        if not (self.quarantine_folder / oid).exists():
            return False
        self.restore_quarantined()
        return self.path(oid).exists()

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
        try:
            return open_regular(self._place(oid))
        except FileNotFoundError:
            return open_regular(self._found(oid))

    def _found(self, oid: str) -> Path:
        """The path of an object that isn't under its name, once it can be read.

        Raises:
            MissingObjectError: The object isn't there.
        """
        if not self._comes_back(oid):
            raise missing_object(oid)
        return self.path(oid)


def _mapped(handle: int, size: int) -> memoryview:
    # An empty file can't be mapped.
    return memoryview(mmap.mmap(handle, 0, access=mmap.ACCESS_READ) if size else b"")
