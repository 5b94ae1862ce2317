"""Files of objects: written under a temporary name, made durable, and only then renamed to the object's path.

A killed process leaves at worst a temporary file, which `git_theta.store.sweep` removes later. This isn't
`git_theta.runtime.atomic_write`, since the path of an object is known only when its bytes are written, and
since other threads wait for the disk, for many objects at once.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from git_theta.runtime.early_end import register_temporary, remove_temporary, rename_temporary
from git_theta.runtime.shared_folders import make_folders

#: `prune` leaves young objects for much longer than this, so times are renewed no more often.
_RENEW_SECONDS = 3600

#: Errors of a path at which nothing is.
_NOTHING = (errno.ENOENT, errno.ELOOP)

#: Objects never change: read-only guards against a tool that edits in place. They're open to those to whom
#: their folder is.
_MODE = 0o444


@dataclass(frozen=True, slots=True)
class WrittenObject:
    """An object whose bytes are in a temporary file.

    Attributes:
        oid: Name of the object.
        size: Size in bytes.
        handle: Descriptor of the file.
        name: Path of the file.
    """

    oid: str
    size: int
    handle: int
    name: str


def write_object(folder: Path, pieces: Iterable[bytes | memoryview]) -> WrittenObject:
    """Write the bytes of an object to a temporary file, without waiting for the disk.

    Args:
        folder: Folder for temporary files, on the same file system as the objects; made if necessary.
        pieces: The bytes of the object, in pieces.

    Raises:
        OSError: The file can't be written; it is removed.
    """
    # OpenSSL takes 4 ms to load, and `git status` doesn't need it.
    import hashlib

    handle, name = create_temporary(folder)
    register_temporary(name)
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


def commit_object(written: WrittenObject, target: Path) -> None:
    """Make a written object durable and move it to its path. To be called once.

    Raises:
        OSError: The disk is full, or the target can't be written; the temporary file is removed.
    """
    try:
        # An object of another size was cut off, and is replaced.
        if renew(target) != written.size:
            os.fsync(written.handle)
            make_folders(target.parent)
            _close_to_writers(written.handle, target.parent)
            rename_temporary(written.name, target)
    finally:
        _discard(written.handle, written.name)


def adopt_file(file: BinaryIO, path: Path, target: Path) -> None:
    """Make an open file an object, durably. Its bytes must have been checked.

    Args:
        file: The file, open for writing.
        path: Path of the file, on the file system of the objects.
        target: Path of the object.

    Raises:
        OSError: The disk is full, or the target can't be written; the file stays where it was.
    """
    file.flush()
    os.fsync(file.fileno())
    make_folders(target.parent)
    # The mode comes last: a process that is killed before must leave a file that can be written.
    os.rename(path, target)
    with suppress(PermissionError):
        # In a shared repository, another user may have begun the download.
        _close_to_writers(file.fileno(), target.parent)


def _close_to_writers(handle: int, folder: Path) -> None:
    os.fchmod(handle, _MODE & folder.stat().st_mode)


def open_regular(path: str | Path, flags: int = os.O_RDONLY) -> int:
    """Open a regular file that another user may have put there; an opener for `open`.

    A pipe would wait for its writer, and a device may never end.

    Raises:
        OSError: The file can't be opened, or it isn't a regular one.
    """
    handle = os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "it isn't a regular file", str(path))
    return handle


def regular_size(path: Path) -> int | None:
    """Size of a regular file in bytes; `None` for anything else, and where nothing is.

    Raises:
        OSError: It can't be found out.
    """
    found = _regular_status(path)
    return None if found is None else found.st_size


def _regular_status(path: Path) -> os.stat_result | None:
    try:
        status = path.stat()
    except OSError as error:
        if error.errno in _NOTHING:
            return None
        raise
    return status if stat.S_ISREG(status.st_mode) else None


def create_temporary(folder: Path) -> tuple[int, str]:
    """Descriptor and path of a new file for reading and writing.

    Raises:
        OSError: The file can't be made.
    """
    # `git status` writes nothing, so it needn't load this.
    import tempfile

    try:
        return tempfile.mkstemp(dir=folder)
    except FileNotFoundError:
        make_folders(folder)
        return tempfile.mkstemp(dir=folder)


def renew(path: Path) -> int | None:
    """Let an object count as just written; returns its size in bytes, or `None` if it isn't there."""
    try:
        status = _regular_status(path)
    except NotADirectoryError:
        return None
    if status and status.st_mtime < time.time() - _RENEW_SECONDS:
        try:
            os.utime(path)
        except FileNotFoundError:
            # It was put into quarantine at this moment.
            return None
        except OSError:
            # It may belong to another user, or to a read-only file system.
            pass
    return status.st_size if status else None


def _discard(handle: int, name: str) -> None:
    os.close(handle)
    remove_temporary(name)
