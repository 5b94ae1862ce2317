"""Write a text to a file that is, at any time, either the old one or the new one."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress

from git_theta.errors import UsageError


def write(text: str, path: str) -> None:
    """Write a file, as UTF-8. One that's there keeps its mode; what isn't a regular file is written to.

    Raises:
        UsageError: It's a folder, or can't be written; what was there is as it was.
    """
    data = text.encode()
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise UsageError(f"{path} is a folder", "name a file in it, such as report.html")
    try:
        if os.path.lexists(target) and not os.path.isfile(target):
            with open(target, "wb") as device:
                device.write(data)
        else:
            _replace(data, target)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}", "name another file") from error


def _replace(data: bytes, target: str) -> None:
    handle, name = tempfile.mkstemp(dir=os.path.dirname(target), prefix=".git-theta-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), _mode(target))
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise


def _mode(target: str) -> int:
    with suppress(FileNotFoundError):
        return os.stat(target).st_mode & 0o777
    # The mask can only be read by setting it.
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask
