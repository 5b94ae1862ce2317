"""Git's long-running filter protocol, as far as lines and packets: it knows nothing of checkpoints."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress

from git_theta.errors import GitError

#: The most bytes that a packet holds besides its four-byte length.
MAX_DATA = 65516

#: Git's pipes hold 64 KiB by default; a MiB saves a third of the time of a large file.
_PIPE_SIZE = 1 << 20

_FLUSH = b"0000"


def widen(handle: int) -> None:
    """Make a pipe larger, where the system allows it."""
    set_size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if set_size is not None:
        with suppress(OSError):
            fcntl.fcntl(handle, set_size, _PIPE_SIZE)


class Reader:
    """Packets from a descriptor, through one reused buffer."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._buffer = bytearray(_PIPE_SIZE + MAX_DATA)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0

    def packet(self) -> memoryview | None:
        """The next packet's data, valid until the next call; empty for a flush, `None` at the end.

        Raises:
            GitError: What comes isn't the protocol.
        """
        if not self._have(4):
            if self._end > self._start:
                raise GitError("git's filter protocol broke off in a packet")
            return None
        start = self._start
        try:
            length = int(self._buffer[start : start + 4], 16)
        except ValueError as error:
            raise GitError("this isn't git's filter protocol") from error
        if length == 0:
            self._start += 4
            return self._view[:0]
        if length < 4 or not self._have(length):
            raise GitError("git's filter protocol broke off in a packet")
        start = self._start
        self._start = start + length
        return self._view[start + 4 : start + length]

    def content(self) -> Iterator[memoryview]:
        """Packets up to the next flush; each is valid until the next is asked for."""
        while packet := self.packet():
            yield packet
        if packet is None:
            raise GitError("git's filter protocol broke off in a file")

    def lines(self) -> list[str] | None:
        """Text lines up to the next flush; `None` at the end of input."""
        found = []
        while packet := self.packet():
            found.append(os.fsdecode(bytes(packet)).removesuffix("\n"))
        if packet is None and not found:
            return None
        return found

    def _have(self, count: int) -> bool:
        while self._end - self._start < count:
            if self._start and len(self._buffer) - self._start < count:
                self._buffer[: self._end - self._start] = self._buffer[self._start : self._end]
                self._end -= self._start
                self._start = 0
            elif self._start == self._end:
                self._start = self._end = 0
            got = os.readv(self._handle, [self._view[self._end :]])
            if not got:
                return False
            self._end += got
        return True


class Writer:
    """Packets to a descriptor."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def lines(self, *lines: str) -> None:
        """Text lines and a flush."""
        packets = [_packet(os.fsencode(line) + b"\n") for line in lines]
        self._write(b"".join(packets) + _FLUSH)

    def data(self, data: bytes | memoryview) -> None:
        """Bytes as packets, without a flush."""
        view = memoryview(data)
        for start in range(0, len(view), MAX_DATA):
            piece = view[start : start + MAX_DATA]
            self._write(b"%04x" % (len(piece) + 4), piece)

    def flush(self) -> None:
        """A flush packet."""
        self._write(_FLUSH)

    def _write(self, *pieces: bytes | memoryview) -> None:
        total = sum(map(len, pieces))
        done = os.writev(self._handle, pieces)
        if done < total:
            rest = memoryview(b"".join(pieces))
            while done < total:
                done += os.write(self._handle, rest[done:])


def _packet(data: bytes) -> bytes:
    return b"%04x" % (len(data) + 4) + data
