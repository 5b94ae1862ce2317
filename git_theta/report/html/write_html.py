"""Write a text to a file that is, at any time, either the old one or the new one."""

from __future__ import annotations

import os

from git_theta.errors import UsageError
from git_theta.runtime.atomic_write import atomic_write


def write_html(text: str, path: str) -> None:
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
            atomic_write(target, data)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}", "name another file") from error
