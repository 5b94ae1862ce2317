"""Atomic writes: a file has its old content or all of the new one, also after a crash.

The new content goes into a temporary file on the same file system, which is renamed when it's complete.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from types import TracebackType

from git_theta.runtime.early_end import register_temporary, remove_temporary, rename_temporary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

#: Temporary files in folders of the user begin with this.
_PREFIX = ".git-theta-"


def atomic_write(path: str | Path, data: bytes, mode: int | None = None) -> None:
    """Replace the content of a file, or make a new one. A link at the path is replaced by a file.

    Args:
        path: The file; its folder must be there.
        data: The new content.
        mode: Permission bits of the file; `None` for those that the old one has, or a new file gets.

    Raises:
        OSError: The file, which it names, can't be written; the old one is as it was.
    """
    try:
        with Replacement(path, mode) as new:
            view = memoryview(data)
            while view:
                view = view[os.write(new.handle, view) :]
            os.fsync(new.handle)
            new.commit()
    except OSError as error:
        # It has the temporary file's name, or none.
        error.filename, error.filename2 = os.fspath(path), None
        raise


class Replacement:
    """The new content of a file, in a temporary file until `commit` gives it the file's name.

    A context manager: without a commit, the end of the block removes the temporary file, and the old file
    stays. Before a commit, callers sync the descriptor themselves if the content must survive a power cut.

    Args:
        path: The file to make or to replace.
        mode: Permission bits of the file; `None` for those that the old one has, or a new file gets.
        folder: Where to put the temporary file; on the same file system as the file. `None` for the file's
            own folder.

    Attributes:
        handle: A descriptor of the temporary file, open for reading and writing.

    Raises:
        OSError: The temporary file can't be made.
    """

    def __init__(self, path: str | Path, mode: int | None = None, folder: str | Path | None = None) -> None:
        self._path = os.fspath(path)
        if mode is None:
            with suppress(FileNotFoundError):
                mode = stat.S_IMODE(os.stat(path).st_mode)
        where = os.fspath(folder) if folder is not None else os.path.dirname(self._path)
        self._temporary: str | None = os.path.join(where, _PREFIX + os.urandom(8).hex())
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        # Nobody else may read what becomes a private file. The system applies the umask to a new one.
        self.handle = os.open(self._temporary, flags, 0o666 if mode is None else 0o600)
        self._mode = mode
        register_temporary(self._temporary)

    def __enter__(self) -> Replacement:
        return self

    def commit(self) -> os.stat_result:
        """Rename the temporary file to the file; returns its stat (the ctime is that of the rename).

        Raises:
            OSError: It can't be renamed; the old file is as it was.
        """
        assert self._temporary is not None, "committed twice"  # noqa: S101
        if self._mode is not None:
            os.fchmod(self.handle, self._mode)
        rename_temporary(self._temporary, self._path)
        self._temporary = None
        return os.fstat(self.handle)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.handle)
        if self._temporary is not None:
            remove_temporary(self._temporary)
