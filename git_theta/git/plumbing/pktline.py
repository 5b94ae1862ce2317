"""Packets of Git's filter protocol: four hexadecimal digits of length, then data; 0000 is a flush."""

from __future__ import annotations

import fcntl
import os
import select
from collections.abc import Iterator
from contextlib import suppress

from git_theta.errors import GitError
from git_theta.git.plumbing.discard import DiscardProcess, broken_off, discard_packets
from git_theta.git.plumbing.pipe_source import PipeSource, find_source

#: The maximum number of bytes in a packet, without the four of its length.
MAX_DATA = 65516

#: Bytes that a pipe should hold. With 1 MiB, a large file takes a third less time than with Git's 64 KiB.
_PIPE_SIZE = 1 << 20

_FLUSH = b"0000"


def widen_pipe(handle: int) -> None:
    """Let a pipe hold more bytes, where the system can do so."""
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
        """The data of the next packet, valid until the next call; empty for a flush, `None` at the end.

        Args:
            ahead: Whether bytes that follow the packet may be taken from the descriptor, too.

        Raises:
            GitError: The bytes aren't a packet, or end within one.
        """
        if not self._have(4, ahead):
            if self._end > self._start:
                raise GitError("git closed the filter's input in the middle of a packet")
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
            raise GitError("git closed the filter's input in the middle of a packet")
        start = self._start
        self._start = start + length
        return self._view[start + 4 : start + length]

    def content(self) -> PacketContent:
        """Packets up to the next flush."""
        return PacketContent(self)

    def discard_packets(self) -> int:
        """Discard the packets up to the next flush without copying them; returns their number of bytes.

        Raises:
            GitError: The bytes aren't packets.
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

    def source(self, status: os.stat_result) -> PipeSource | None:
        """The descriptor from which the next packets are sent; see `find_source`. Waits for the first one."""
        if not self.is_ahead():
            select.select([self._handle], [], [])
        return find_source(status, self._handle)

    def is_ahead(self) -> bool:
        """Whether bytes were taken from the descriptor that no packet has used yet."""
        return self._start < self._end

    def lines(self) -> list[str] | None:
        """Text lines up to the next flush; `None` at the end of input.

        The bytes that follow stay in the pipe, so that another process can take them.
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
    """The packets of a file, to be read or discarded once.

    Attributes:
        source: The file that the bytes come from, if that's certain: they needn't be read.
    """

    def __init__(self, reader: PacketReader) -> None:
        self.source: PipeSource | None = None
        self._discarder: DiscardProcess | None = None
        self._reader = reader
        self._ended = False

    def __iter__(self) -> Iterator[memoryview]:
        """The packets that are left; each is valid until the next."""
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

    def find_source(self, status: os.stat_result) -> PipeSource | None:
        """The descriptor from which Git sends the file with that stat; `None` if it isn't certain."""
        return self._reader.source(status)

    def hand_over(self, discarder: DiscardProcess, source: PipeSource) -> None:
        """Discard the packets, which are known to be the bytes of a file: by another process, if it can."""
        self.source = source
        if not self._reader.is_ahead() and discarder.begin():
            self._discarder = discarder

    def discard(self) -> int:
        """Discard the packets that are left; returns the number of bytes they held.

        Raises:
            GitError: The bytes aren't packets.
        """
        if self._ended:
            return 0
        total = self._discarder.result() if self._discarder else self._reader.discard_packets()
        self._ended = True
        return total


class PacketWriter:
    """Writes packets to a descriptor."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def lines(self, *lines: str) -> None:
        """Write text lines and a flush."""
        packets = [_packet(os.fsencode(line) + b"\n") for line in lines]
        self._write(b"".join(packets) + _FLUSH)

    def data(self, data: bytes | memoryview) -> None:
        """Write bytes as packets, without a flush."""
        view = memoryview(data)
        for start in range(0, len(view), MAX_DATA):
            piece = view[start : start + MAX_DATA]
            self._write(b"%04x" % (len(piece) + 4), piece)

    def flush(self) -> None:
        """Write a flush."""
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
