"""Deflated: a file whose members are compressed again, to the very bytes that zlib wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from git_theta.codecs.deflate.compressor import compress
from git_theta.codecs.deflate.reference import is_zlib, raw_compressor
from git_theta.errors import CorruptError
from git_theta.updates.base import Input, Pieces, single_input
from git_theta.updates.cursor import Cursor
from git_theta.updates.demand import Demand, ReadPayload
from git_theta.updates.packed_members import parse_payload
from git_theta.updates.payload import HEADER_WORK
from git_theta.updates.rechunk import rechunk

#: Bytes that are compressed at a time.
_CHUNK = 1 << 20

#: Work for each plain byte, by zlib, and where another library stands in for it.
_ZLIB_WORK, _OWN_WORK = 150, 3000

#: Work for each other byte, and for each member.
_BYTE_WORK = 2
_MEMBER_WORK = 100_000


class Deflated:
    """A file with compressed members, from one in which these are expanded."""

    name = "deflated"

    def demand(self, payload: ReadPayload, inputs: int, nbytes: int) -> Demand:
        """The expanded file; without zlib itself, a whole member is held."""
        data = payload()
        base_nbytes, members = parse_payload(self.name, data, nbytes, packed=False)
        work = _BYTE_WORK * (nbytes + base_nbytes) + _MEMBER_WORK * len(members)
        work += HEADER_WORK * len(data or b"")
        memory = 4 << 20
        for member in members:
            if is_zlib(member.level):
                work += _ZLIB_WORK * member.plain
            else:
                work += _OWN_WORK * member.plain
                memory = max(memory, (8 << 20) + 2 * member.plain)
        return Demand((base_nbytes,) * inputs, work, memory)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The file's bytes, and the streams of its members, in order."""
        base = single_input(inputs, self.name)
        base_nbytes, members = parse_payload(self.name, payload, nbytes, packed=False)
        cursor = Cursor(base(base_nbytes))
        done = 0
        for member in members:
            yield from cursor.take(member.before)
            size = 0
            for piece in deflate(cursor.take(member.plain), member.plain, member.level):
                size += len(piece)
                if size > member.packed:
                    break
                yield memoryview(piece)
            if size != member.packed:
                raise CorruptError("a member compresses to a wrong size")
            done += member.before + member.plain
        yield from cursor.take(base_nbytes - done)


def deflate(plain: Iterator[memoryview], nbytes: int, level: int) -> Iterator[bytes]:
    """The raw deflate stream that zlib writes for some bytes, on every machine.

    Args:
        plain: The bytes, in pieces.
        nbytes: Their number.
        level: From 1 to 9.

    Raises:
        CorruptError: The pieces have another number of bytes.
    """
    chunks = rechunk(plain, _CHUNK, nbytes)
    if not is_zlib(level):
        yield from compress(b"".join(map(bytes, chunks)), level, _CHUNK)
        return
    compressor = raw_compressor(level)
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()
