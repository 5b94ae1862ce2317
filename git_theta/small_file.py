"""Small files of strangers, such as settings: read whole, up to a limit, if they're regular files."""

from __future__ import annotations

import os
import stat

from git_theta.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _typeshed import StrPath

#: Bytes of a file of settings, at most.
MAX_SETTINGS = 1 << 20


def read_small_file(path: StrPath, limit: int) -> bytes:
    """The bytes of a regular file; another one, such as a pipe, might never end.

    Args:
        path: The file.
        limit: Its bytes, at most.

    Raises:
        UsageError: It isn't a regular file, can't be read, or is larger.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise UsageError(f"{path} isn't a regular file")
            with open(handle, "rb", closefd=False) as file:
                data = file.read(limit + 1)
        finally:
            os.close(handle)
    except FileNotFoundError as error:
        raise UsageError(f"there's no file {path}") from error
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    check_size(len(data), limit, str(path))
    return data


def check_size(size: int, limit: int, name: str) -> None:
    """Check the size of a file in bytes.

    Raises:
        UsageError: It's larger than a limit.
    """
    if size > limit:
        largest = f"{limit >> 20} MiB" if limit >> 20 else f"{limit >> 10} KiB"
        raise UsageError(f"{name} is larger than {largest}, which no such file is")
