"""A remote that's a folder on this machine: beside a repository's objects, or on a network share."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from git_theta.store.local import LocalStore
from git_theta.store.names import object_path
from git_theta.store.object_files import open_regular, regular_size
from git_theta.store.remote import Advance, Download, RemoteContext, RemoteObject, TransferError, Upload
from git_theta.store.repository_folder import in_repository, objects_folder, own_shared_mode, shared_mode
from git_theta.store.urls import url_scheme, without_password

_PIECE = 1 << 20

#: Linux's request to share the blocks of another file, as Btrfs, XFS and others can.
_FICLONE = 0x40049409

_FULL = (errno.ENOSPC, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)
#: Errors of a network share that pass; `ENOENT` if another process removed a temporary file.
_PASSING = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN, errno.EINTR, errno.ENOENT)


class FolderKind:
    """Folders: `file:///path`, or a path. The objects of a repository are in its folder `theta`."""

    def open(self, url: str, context: RemoteContext) -> FolderRemote:
        """The remote; see `RemoteKind.open`."""
        mode = shared_mode(context.settings.get("core.sharedrepository", ""))
        if not url_scheme(url):
            return _remote(url, context.folder / os.path.expanduser(url), mode)
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise TransferError(
                f"{without_password(url)} names a host", "write file:/// with three slashes, or a path"
            )
        return _remote(url, Path(unquote(parts.path)), mode)


def _remote(url: str, path: Path, mode: int | None) -> FolderRemote:
    """The remote at a path. In a repository, its own setting decides about modes.

    Raises:
        TransferError: The path is that of a file, such as a bundle.
    """
    if "\0" in str(path):
        raise TransferError(f"{url} isn't the URL of a folder: it has a zero byte")
    folder = objects_folder(path)
    if folder.is_file():
        raise TransferError(
            f"{url} is a file: a bundle has Git's commits, and no objects of checkpoints",
            "add a remote that has them (git remote add NAME URL, or the path of a copy of .git/theta), "
            "then check out again",
        )
    return FolderRemote(folder, own_shared_mode(folder) if in_repository(folder) else mode)


class FolderRemote:
    """A folder with objects, laid out as the local store.

    Args:
        path: The folder; made when first written to. Its parent must be there, so that nothing is written
            below the mount point of a network share that isn't mounted.
        mode: Mode of files in a folder that several users share, as `core.sharedRepository` gives it: 0o660,
            for example. Objects themselves are read-only in any case.
    """

    batch_size = 10_000

    def __init__(self, path: Path, mode: int | None = None) -> None:
        self.url = str(path)
        self._root = path
        self._mode = mode

    def uploads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Upload]:
        """Uploads of objects that aren't there; see `Remote.uploads`."""
        self._require_parent()
        absent = {wanted.oid: partial(self._send, wanted.oid) for wanted in objects if not self._has(wanted)}
        if absent:
            with suppress(OSError):
                LocalStore(self._root).sweep()
        return absent

    def downloads(self, objects: Sequence[RemoteObject]) -> Mapping[str, Download]:
        """Downloads of objects that are there; see `Remote.downloads`."""
        self._require_parent()
        return {wanted.oid: partial(self._receive, wanted.oid) for wanted in objects if self._has(wanted)}

    def _require_parent(self) -> None:
        if not self._root.is_dir() and not self._root.parent.is_dir():
            raise TransferError(
                f"the folder {self._root.parent} isn't there",
                "if it's on a network share, check that this is mounted",
            )

    def _path(self, oid: str) -> Path:
        return self._root / object_path(oid)

    def _has(self, wanted: RemoteObject) -> bool:
        with _transfer_errors(self.url, "can't be read"):
            size = regular_size(self._path(wanted.oid))
            return size is not None and wanted.fits(size)

    def _send(self, oid: str, file: BinaryIO, advance: Advance) -> None:
        target = self._path(oid)
        # `runtime.atomic_write` is for new files: this one may be a link to the sender's.
        temporary = self._root / "tmp" / f"{oid}.{secrets.token_hex(8)}"
        with _transfer_errors(self.url, f"object {oid} can't be written"):
            self._make_folder(temporary.parent)
            try:
                digest = self._link(file, temporary, advance) or self._copy(file, temporary, advance)
                if digest != oid:
                    raise TransferError(
                        f"object {oid} is damaged: its bytes have another SHA-256",
                        "`git theta fsck` says which parameters it's of",
                    )
                self._make_folder(target.parent)
                temporary.replace(target)
            finally:
                # Renaming a link onto another link of the same file does nothing, and leaves both.
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)

    def _link(self, file: BinaryIO, temporary: Path, advance: Advance) -> str | None:
        """Link the open file, and return its SHA-256; `None` if it can't be linked."""
        opened = os.fstat(file.fileno())
        # A link shares its mode: changing that would change the sender's own file.
        if not isinstance(file.name, str) or stat.S_IMODE(opened.st_mode) != self._object_mode():
            return None
        try:
            os.link(file.name, temporary)
        except OSError:
            return None
        if not os.path.samestat(opened, temporary.lstat()):
            temporary.unlink()
            return None
        return _digest(file, advance)

    def _copy(self, file: BinaryIO, temporary: Path, advance: Advance) -> str:
        with temporary.open("xb") as copy:
            if _clone(file.fileno(), copy.fileno()):
                digest = _digest(file, advance)
            else:
                digest = _digest(file, advance, copy.write)
            copy.flush()
            os.fchmod(copy.fileno(), self._object_mode())
            os.fsync(copy.fileno())
        return digest

    def _receive(self, oid: str, file: BinaryIO, have: int, advance: Advance) -> None:
        # Errors of `file` are those of this disk, and callers name it.
        failing = partial(_transfer_errors, self.url, f"object {oid} can't be fetched")
        with failing():
            source = open(self._path(oid), "rb", opener=open_regular)  # noqa: SIM115
        with source:
            size = os.fstat(source.fileno()).st_size
            start = have if have <= size else 0
            file.seek(start)
            file.truncate()
            if start == 0 and _clone(source.fileno(), file.fileno()):
                file.seek(0, os.SEEK_END)
                advance(size)
                return
            source.seek(start)
            for piece in _pieces(source, failing):
                file.write(piece)
                advance(len(piece))
            file.flush()

    def _object_mode(self) -> int:
        return 0o444 if self._mode is None else self._mode & 0o444

    def _make_folder(self, path: Path) -> None:
        """Make a folder and its parents, with the mode of a shared folder if this one is shared."""
        if path.is_dir():
            return
        if path != self._root:
            self._make_folder(path.parent)
        with suppress(FileExistsError):
            path.mkdir()
            if self._mode is not None:
                # Read permission for files means search permission for folders. The group is inherited.
                path.chmod(self._mode | (self._mode & 0o444) >> 2 | 0o700 | stat.S_ISGID)


@contextmanager
def _transfer_errors(url: str, failure: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = ""
        if error.errno in _FULL:
            hint = "free some disk space there and try again"
        elif error.errno in _REFUSED:
            hint = "ask the folder's owner for permission"
        reason = error.strerror or str(error)
        raise TransferError(f"{url}: {failure}: {reason}", hint, retry=error.errno in _PASSING) from error


def _pieces(
    file: BinaryIO, failing: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Iterator[bytes]:
    """The bytes of a file in pieces; each is read in a context."""
    while True:
        with failing():
            piece = file.read(_PIECE)
        if not piece:
            return
        yield piece


def _digest(file: BinaryIO, advance: Advance, write: Callable[[bytes], object] | None = None) -> str:
    hasher = hashlib.sha256()
    file.seek(0)
    for piece in _pieces(file):
        hasher.update(piece)
        if write:
            write(piece)
        advance(len(piece))
    return hasher.hexdigest()


def _clone(source: int, target: int) -> bool:
    """Let a new file share the blocks of another; returns whether the file system can do that."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True
