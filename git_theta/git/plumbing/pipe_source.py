"""Sender: whether the bytes in the pipe are those of a file, known without reading them.

Git streams a work-tree file from an open descriptor. Where the process at the other end has the very
file open, and has come to its end when the stream ends, a comparison would find nothing: the
stream needn't even be copied out of the pipe. This needs Linux's `/proc`; elsewhere nothing is found.
"""

from __future__ import annotations

import os
from contextlib import suppress

_PROCESSES = "/proc"


class PipeSource:
    """A descriptor of a file in a process that started this one.

    Args:
        status: The file's stat.
        info: The descriptor's file under `/proc/PID/fdinfo`.
    """

    def __init__(self, status: os.stat_result, info: str) -> None:
        self._status = status
        self._info = info

    def is_file(self, status: os.stat_result) -> bool:
        """Whether it's the file with that stat that is sent."""
        return os.path.samestat(self._status, status)

    def position(self) -> int | None:
        """How far the process has read, in bytes; `None` if it has closed the descriptor."""
        with suppress(OSError, ValueError, IndexError):
            return int(_text(self._info).split("pos:", 1)[1].split()[0])
        return None


def find_source(status: os.stat_result) -> PipeSource | None:
    """The descriptor that a parent has of the file with that stat: Git's, or its shell's."""
    with suppress(OSError, ValueError, IndexError):
        parent = os.getppid()
        return _descriptor(parent, status) or _descriptor(_parent(parent), status)
    return None


def _parent(process: int) -> int:
    # The name, in parentheses, may hold anything; the state and the parent follow it.
    fields = _text(f"{_PROCESSES}/{process}/stat").rpartition(")")[2].split()
    return int(fields[1])


def _descriptor(process: int, status: os.stat_result) -> PipeSource | None:
    folder = f"{_PROCESSES}/{process}"
    for name in os.listdir(f"{folder}/fd"):
        with suppress(OSError):
            if os.path.samestat(os.stat(f"{folder}/fd/{name}"), status):
                return PipeSource(status, f"{folder}/fdinfo/{name}")
    return None


def _text(path: str) -> str:
    with open(path, "rb", buffering=0) as file:
        return os.fsdecode(file.read())
