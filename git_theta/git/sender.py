"""Sender: whether the bytes in the pipe are those of a file, known without reading them.

Git streams a work-tree file from an open descriptor. Where the process at the other end has the very
file open, and has come to its end when the stream ends, a comparison would find nothing: the
stream needn't even be copied out of the pipe. This needs Linux's `/proc`; elsewhere nothing is found.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True)
class Sender:
    """A descriptor of a file in a process that started this one.

    Attributes:
        info: The descriptor's file under `/proc/PID/fdinfo`.
    """

    info: Path

    def position(self) -> int | None:
        """How far the process has read, in bytes; `None` if it has closed the descriptor."""
        with suppress(OSError, ValueError, IndexError):
            return int(self.info.read_text().split("pos:", 1)[1].split()[0])
        return None


def sender_of(status: os.stat_result) -> Sender | None:
    """The descriptor that a parent has of the file with that stat: Git's, or its shell's."""
    with suppress(OSError, ValueError, IndexError):
        parent = os.getppid()
        return _descriptor(parent, status) or _descriptor(_parent(parent), status)
    return None


def _parent(process: int) -> int:
    # The name, in parentheses, may hold anything; the state and the parent follow it.
    fields = (_PROCESSES / str(process) / "stat").read_text().rpartition(")")[2].split()
    return int(fields[1])


def _descriptor(process: int, status: os.stat_result) -> Sender | None:
    folder = _PROCESSES / str(process)
    for name in os.listdir(folder / "fd"):
        with suppress(OSError):
            if os.path.samestat(os.stat(folder / "fd" / name), status):
                return Sender(folder / "fdinfo" / name)
    return None
