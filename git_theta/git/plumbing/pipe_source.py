"""The file whose bytes are in a pipe, known without reading them.

Git streams a file of the work tree from an open descriptor. If the process at the other end of the pipe reads
that very file in step with what it sends, and has read it to the end when the stream ends, the stream is the
file. It needn't even be copied out of the pipe. This needs Linux's `/proc`; elsewhere, no source is found.

An open descriptor alone says nothing: programs start git while they have the file open, and pass descriptors
on. So only the process that has the pipe's other end counts, and of its descriptors only one whose offset is
that of a stream which has begun and hasn't ended.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

_PROCESSES = "/proc"

#: Git reads a file in pieces of this number of bytes, one for each packet.
_PIECE = 65516

#: Git's names for the copies of files that it gives to diff drivers: of a folder, or the start of a name.
_DIFF_FOLDER = re.compile("git-blob-[A-Za-z0-9]{6}")
_DIFF_PREFIX = re.compile("[A-Za-z0-9]{6}_")


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
            return _number(self._info, "pos:", 10)
        return None


def find_source(status: os.stat_result, pipe: int) -> PipeSource | None:
    """The descriptor from which Git sends a file; `None` if it isn't certain.

    Args:
        status: The stat of the file, of more bytes than a pipe holds.
        pipe: The pipe from Git, with the file's first packet in it.
    """
    with suppress(OSError, ValueError, IndexError):
        process = _sender(pipe)
        if process:
            found = [info for info in _descriptors(process, status) if _has_begun(info, status.st_size)]
            return PipeSource(status, found[0]) if len(found) == 1 else None
    return None


def makes_diff_copy(path: str, pipe: int) -> bool:
    """Whether Git asks for a file to copy it for a diff driver; not if that isn't certain.

    Git opens the copy, a temporary file, before it asks for what to write there.

    Args:
        path: The file, from the top of the work tree.
        pipe: The pipe from Git.
    """
    with suppress(OSError, ValueError, IndexError):
        process = _sender(pipe)
        if process:
            folder = f"{_PROCESSES}/{process}/fd"
            return any(
                _is_diff_copy(f"{folder}/{name}", os.path.basename(path)) for name in os.listdir(folder)
            )
    return False


def _is_diff_copy(link: str, name: str) -> bool:
    """Whether an open file is empty, and named as Git names a copy of a file with that name."""
    with suppress(OSError):
        folder, base = os.path.split(os.readlink(link))
        if base == name:
            named = _DIFF_FOLDER.fullmatch(os.path.basename(folder))
        else:  # as before Git 2.34
            named = _DIFF_PREFIX.fullmatch(base.removesuffix(name)) if base.endswith(name) else None
        return named is not None and os.stat(link).st_size == 0
    return False


def _sender(pipe: int) -> int | None:
    """The id of the process that has the other end of a pipe: Git, this process's parent or its parent's."""
    sent = os.fstat(pipe)
    parent = os.getppid()
    # Between Git and a filter there's at most a shell.
    for process in (parent, _parent(parent)):
        if any(_is_writer(info) for info in _descriptors(process, sent)):
            return process
    return None


def _parent(process: int) -> int:
    # The name of the program, in parentheses, may hold anything; state and parent follow it.
    fields = _text(f"{_PROCESSES}/{process}/stat").rpartition(")")[2].split()
    return int(fields[1])


def _descriptors(process: int, status: os.stat_result) -> list[str]:
    """The paths below `/proc/PID/fdinfo` of a process's descriptors of a file or pipe."""
    folder = f"{_PROCESSES}/{process}"
    found = []
    for name in os.listdir(f"{folder}/fd"):
        with suppress(OSError):
            if os.path.samestat(os.stat(f"{folder}/fd/{name}"), status):
                found.append(f"{folder}/fdinfo/{name}")
    return found


def _is_writer(info: str) -> bool:
    return _number(info, "flags:", 8) & os.O_ACCMODE != os.O_RDONLY


def _has_begun(info: str, size: int) -> bool:
    """Whether a descriptor's offset can be that of a stream that has begun and hasn't ended."""
    position = _number(info, "pos:", 10)
    return 0 < position < size and position % _PIECE == 0


def _number(info: str, key: str, base: int) -> int:
    return int(_text(info).split(key, 1)[1].split()[0], base)


def _text(path: str) -> str:
    with open(path, "rb", buffering=0) as file:
        return os.fsdecode(file.read())
