"""Git's long-running filter protocol, as far as lines and packets: it knows nothing of checkpoints."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress

from git_theta.errors import GitError
from git_theta.git.plumbing.discard import DiscardProcess, broken_off, discard_packets
from git_theta.git.plumbing.pipe_source import PipeSource

#: The most bytes that a packet holds besides its four-byte length.
MAX_DATA = 65516

#: Git's pipes hold 64 KiB by default; a MiB saves a third of the time of a large file.
_PIPE_SIZE = 1 << 20

_FLUSH = b"0000"


def widen_pipe(handle: int) -> None:
    """Make a pipe larger, where the system allows it."""
    set_size = getattr(fcntl, "F_SETPIPE_SZ", None)
    if set_size is not None:
        with suppress(OSError):
            fcntl.fcntl(handle, set_size, _PIPE_SIZE)


class PacketReader:
    """Packets from a descriptor, through one reused buffer."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._buffer = bytearray(_PIPE_SIZE + MAX_DATA)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0

    def packet(self, *, ahead: bool = True) -> memoryview | None:
        """The next packet's data, valid until the next call; empty for a flush, `None` at the end.

        Args:
            ahead: Whether to take more from the descriptor, if there is more.

        Raises:
            GitError: What comes isn't the protocol.
        """
        if not self._have(4, ahead):
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
        if length < 4 or not self._have(length, ahead):
            raise GitError("git's filter protocol broke off in a packet")
        start = self._start
        self._start = start + length
        return self._view[start + 4 : start + length]

    def content(self) -> PacketContent:
        """Packets up to the next flush."""
        return PacketContent(self)

    def discard_packets(self) -> int:
        """Throw the packets up to the next flush away, without copying them; returns the bytes they held.

        Raises:
            GitError: What comes isn't the protocol.
        """
        total = 0
        while self._start < self._end:
            packet = self.packet()
            if packet is None:
                raise broken_off()
            if not packet:
                return total
            total += len(packet)
        return total + discard_packets(self._handle)

    def is_ahead(self) -> bool:
        """Whether something was taken from the descriptor that nobody has asked for."""
        return self._start < self._end

    def lines(self) -> list[str] | None:
        """Text lines up to the next flush; `None` at the end of input.

        What follows them stays in the pipe, so that another process can take it from there.
        """
        found = []
        while packet := self.packet(ahead=False):
            found.append(os.fsdecode(bytes(packet)).removesuffix("\n"))
        if packet is None and not found:
            return None
        return found

    def _have(self, count: int, ahead: bool) -> bool:
        while self._end - self._start < count:
            if self._start and len(self._buffer) - self._start < count:
                self._buffer[: self._end - self._start] = self._buffer[self._start : self._end]
                self._end -= self._start
                self._start = 0
            elif self._start == self._end:
                self._start = self._end = 0
            room = self._view[self._end :] if ahead else self._view[self._end : self._start + count]
            got = os.readv(self._handle, [room])
            if not got:
                return False
            self._end += got
        return True


class PacketContent:
    """A file's packets: to be read once, or skipped.

    Attributes:
        source: Where the bytes come from, if another process skips them.
    """

    def __init__(self, reader: PacketReader) -> None:
        self.source: PipeSource | None = None
        self._discarder: DiscardProcess | None = None
        self._reader = reader
        self._ended = False

    def __iter__(self) -> Iterator[memoryview]:
        """What is left; each packet is valid until the next is asked for."""
        if self._discarder:
            self.discard()
        while not self._ended:
            packet = self._reader.packet()
            if packet is None:
                raise broken_off()
            if packet:
                yield packet
            else:
                self._ended = True

    def hand_over(self, discarder: DiscardProcess, source: PipeSource) -> None:
        """Let another process skip it from now on, if that can be: what it holds is known to be a file's."""
        if not self._reader.is_ahead() and discarder.begin():
            self._discarder, self.source = discarder, source

    def discard(self) -> int:
        """Throw what is left away; returns how many bytes it was.

        Raises:
            GitError: What comes isn't the protocol.
        """
        if self._ended:
            return 0
        total = self._discarder.result() if self._discarder else self._reader.discard_packets()
        self._ended = True
        return total


class PacketWriter:
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
