"""The file whose bytes are in a pipe, known without reading them.

Git streams a file of the work tree from an open descriptor. If the process at the other end of the pipe has
that very file open, and has read it to the end when the stream ends, the stream is the file. It needn't even
be copied out of the pipe. This needs Linux's `/proc`; elsewhere, no source is found.
"""

from __future__ import annotations

import os
from contextlib import suppress

_PROCESSES = "/proc"


class PipeSource:
    """A descriptor that a parent of this process has of a file.

    Args:
        status: The stat of the file.
        info: The path of the descriptor below `/proc/PID/fdinfo`.
    """

    def __init__(self, status: os.stat_result, info: str) -> None:
        self._status = status
        self._info = info

    def is_file(self, status: os.stat_result) -> bool:
        """Whether it's a descriptor of the file with that stat."""
        return os.path.samestat(self._status, status)

    def position(self) -> int | None:
        """The offset up to which the parent has read, in bytes; `None` if it has closed the descriptor."""
        with suppress(OSError, ValueError, IndexError):
            return int(_text(self._info).split("pos:", 1)[1].split()[0])
        return None


def find_source(status: os.stat_result) -> PipeSource | None:
    """The descriptor that Git, this process's parent or its parent's, has of a file; `None` if it has none.

    Args:
        status: The stat of the file.
    """
    with suppress(OSError, ValueError, IndexError):
        parent = os.getppid()
        return _descriptor(parent, status) or _descriptor(_parent(parent), status)
    return None


def _parent(process: int) -> int:
    # The name of the program, in parentheses, may hold anything; state and parent follow it.
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
