"""A compressor that takes the matches that zlib takes, and writes its blocks: slow, and alike everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from git_theta.codecs.deflate.blocks import BlockWriter, Token

#: Bytes of zlib's window, of the longest match, and of the farthest one.
_WINDOW = 1 << 15
_LONGEST = 258
_AHEAD = _LONGEST + 4
_FARTHEST = _WINDOW - _AHEAD

#: Matches of three bytes are no gain from farther away than this.
_FAR = 4096

#: Tokens of a block at most.
_TOKENS = (1 << 14) - 1


class _Effort(NamedTuple):
    """Limits of the search at a level: those of `configuration_table` in zlib's `deflate.c`."""

    good: int
    lazy: int
    nice: int
    chain: int
    is_lazy: bool


_EFFORTS = {
    1: _Effort(4, 4, 8, 4, False),
    2: _Effort(4, 5, 16, 8, False),
    3: _Effort(4, 6, 32, 32, False),
    4: _Effort(4, 4, 16, 16, True),
    5: _Effort(8, 16, 32, 32, True),
    6: _Effort(8, 16, 128, 128, True),
    7: _Effort(8, 32, 128, 256, True),
    8: _Effort(32, 128, 258, 1024, True),
    9: _Effort(32, 258, 258, 4096, True),
}


def compress(data: bytes, level: int, chunk: int) -> Iterator[bytes]:
    """A raw deflate stream, in pieces: that of zlib with 15 bits of window and a memory level of 8.

    Args:
        data: All bytes.
        level: From 1 to 9.
        chunk: Bytes that zlib is given at a time; it hardly matters.
    """
    search = _Search(data, _EFFORTS[level], chunk)
    tokens = search.lazy() if _EFFORTS[level].is_lazy else search.greedy()
    writer = BlockWriter()
    block: list[Token] = []
    start = position = 0
    for token in tokens:
        block.append(token)
        position += token[1] if token[0] else 1
        if len(block) == _TOKENS:
            writer.block(block, data[start:position] if start >= search.base else None, last=False)
            yield writer.take()
            block, start = [], position
    writer.block(block, data[start:position] if start >= search.base else None, last=True)
    yield writer.take()


class _Search:
    """The search for matches. Positions are offsets in the data.

    Attributes:
        base: Where zlib's window begins. It moves when the window is full.
    """

    def __init__(self, data: bytes, effort: _Effort, chunk: int) -> None:
        self._data = data
        self._effort = effort
        self._chunk = chunk
        self._given = 0
        self._filled = 0
        self._heads: dict[int, int] = {}
        self._links = [-1] * _WINDOW
        self._match = 0
        self.base = 0

    def lazy(self) -> Iterator[Token]:
        """Tokens of levels 4 to 9: a match is taken unless the next byte begins a longer one."""
        data, size, effort = self._data, len(self._data), self._effort
        position, length, available = 0, 2, False
        while True:
            if self._filled - position < _AHEAD:
                self._fill(position)
            ahead = self._filled - position
            if not ahead:
                break
            head = self._insert(position) if ahead >= 3 else -1
            before, match = length, self._match
            length = 2
            if head > self.base and before < effort.lazy and position - head <= _FARTHEST:
                length = self._longest(head, position, before, ahead)
                if length == 3 and position - self._match > _FAR:
                    length = 2
            if before >= 3 and length <= before:
                last = position + ahead - 3
                # The token is counted before the rest of the match is.
                yield position - 1 - match, before
                for each in range(position + 1, position + before - 1):
                    if each <= last:
                        self._insert(each)
                position += before - 1
                available, length = False, 2
            else:
                if available:
                    yield 0, data[position - 1]
                available = True
                position += 1
        if available:
            yield 0, data[size - 1]

    def greedy(self) -> Iterator[Token]:
        """Tokens of levels 1 to 3: the first match is taken."""
        data, effort = self._data, self._effort
        position = 0
        while True:
            if self._filled - position < _AHEAD:
                self._fill(position)
            ahead = self._filled - position
            if not ahead:
                break
            head = self._insert(position) if ahead >= 3 else -1
            length = 0
            if head > self.base and position - head <= _FARTHEST:
                length = self._longest(head, position, 2, ahead)
            if length < 3:
                yield 0, data[position]
                position += 1
                continue
            yield position - self._match, length
            if length <= effort.lazy and ahead - length >= 3:
                for each in range(position + 1, position + length):
                    self._insert(each)
            position += length

    def _insert(self, position: int) -> int:
        """Remember the three bytes at a position; the last position of bytes with the same hash."""
        data = self._data
        key = (data[position] << 10 ^ data[position + 1] << 5 ^ data[position + 2]) & 0x7FFF
        head = self._heads.get(key, -1)
        self._links[position & _WINDOW - 1] = head
        self._heads[key] = position
        return head

    def _longest(self, at: int, position: int, best: int, ahead: int) -> int:
        """The length of the longest match, which is at `self._match` if it's longer than `best`."""
        data, links, effort = self._data, self._links, self._effort
        chain = effort.chain >> 2 if best >= effort.good else effort.chain
        nice, most = min(effort.nice, ahead), min(_LONGEST, ahead)
        limit = max(position - _FARTHEST, self.base)
        while True:
            if best < most and data[at + best] == data[position + best]:
                end = best + 1
                if data[at : at + end] == data[position : position + end]:
                    while end < most and data[at + end] == data[position + end]:
                        end += 1
                    best, self._match = end, at
                    if best >= nice:
                        break
            at = links[at & _WINDOW - 1]
            chain -= 1
            if at <= limit or not chain:
                break
        return min(best, ahead)

    def _fill(self, position: int) -> None:
        """Let more bytes into the window, as zlib does when few are ahead."""
        while self._filled - position < _AHEAD:
            if self._given == self._filled:
                if self._filled == len(self._data):
                    return
                self._given = min(self._given + self._chunk, len(self._data))
            if position - self.base >= _WINDOW + _FARTHEST:
                self.base += _WINDOW
            room = 2 * _WINDOW - (self._filled - self.base)
            self._filled += min(room, self._given - self._filled)
