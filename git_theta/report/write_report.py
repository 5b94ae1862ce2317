"""Reports as files: pages, tables and JUnit XML."""

from __future__ import annotations

import os

from git_theta.errors import UsageError
from git_theta.runtime.atomic_write import atomic_write


def write_report(text: str, path: str) -> None:
    """Write a report as UTF-8, atomically; an existing file keeps its mode, and a device is written to.

    Raises:
        UsageError: The path is a folder, or can't be written; an existing file is as it was.
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
