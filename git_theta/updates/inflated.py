"""Inflated: a file whose compressed members are expanded, so that these can be compared with others."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from git_theta.errors import CorruptError
from git_theta.updates.base import Input, Pieces, single_input
from git_theta.updates.cursor import Cursor
from git_theta.updates.demand import Demand, ReadPayload
from git_theta.updates.packed_members import parse_payload
from git_theta.updates.payload import HEADER_WORK

#: Bytes that are expanded at a time.
_CHUNK = 1 << 20

#: Work for each byte of the file and each plain one, and for each member.
_BYTE_WORK = 10
_MEMBER_WORK = 20_000


class Inflated:
    """A file with compressed members, of which some are expanded."""

    name = "inflated"

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """The file as it is, and chunks of it."""
        data = payload()
        base_nbytes, members = parse_payload(self.name, data, nbytes, packed=True)
        work = _BYTE_WORK * (nbytes + base_nbytes) + _MEMBER_WORK * len(members)
        work += HEADER_WORK * len(data or b"")
        return Demand((base_nbytes,) * inputs, work, 4 << 20)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The file's bytes, and those that its members stand for, in order."""
        base = single_input(inputs, self.name)
        base_nbytes, members = parse_payload(self.name, payload, nbytes, packed=True)
        cursor = Cursor(base(base_nbytes))
        done = 0
        for member in members:
            yield from cursor.take(member.before)
            yield from inflate(cursor.take(member.packed), member.plain)
            done += member.before + member.packed
        yield from cursor.take(base_nbytes - done)


def inflate(stream: Iterable[memoryview], nbytes: int) -> Pieces:
    """The bytes that a raw deflate stream stands for.

    Args:
        stream: The stream, in pieces.
        nbytes: The number of bytes that it must give.

    Raises:
        CorruptError: The stream is damaged, or gives another number of bytes.
    """
    inflator = zlib.decompressobj(-15)
    done = 0
    try:
        for piece in stream:
            rest: bytes | memoryview = piece
            while True:
                found = inflator.decompress(rest, _CHUNK)
                done += len(found)
                if done > nbytes or inflator.unused_data:
                    raise CorruptError("a compressed member has more bytes than it should")
                if found:
                    yield memoryview(found)
                rest = inflator.unconsumed_tail
                if not rest and len(found) < _CHUNK:
                    break
    except zlib.error as error:
        raise CorruptError(f"a compressed member is damaged: {error}") from error
    if not inflator.eof or done != nbytes:
        raise CorruptError("a compressed member ends early")
