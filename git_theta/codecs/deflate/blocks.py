"""Blocks of a deflate stream, as zlib writes them: stored, with the fixed code, or with one of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, pairwise

from git_theta.codecs.deflate.trees import Alphabet, Tree, build_tree, tree_of

#: Extra bits of the codes of lengths, distances, and of lengths of codes.
_LENGTH_BITS = (*[0] * 8, *chain(*([n] * 4 for n in range(1, 6))), 0)
_DISTANCE_BITS = (0, 0, *chain(*([n] * 2 for n in range(14))))
_REPEAT_BITS = (2, 3, 7)

_END = 256
_SYMBOLS = Alphabet(286, 15, (*[0] * 257, *_LENGTH_BITS))
_DISTANCES = Alphabet(30, 15, _DISTANCE_BITS)
_LENGTHS = Alphabet(19, 7, (*[0] * 16, *_REPEAT_BITS))
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)

_FIXED_SYMBOLS = tree_of([*[8] * 144, *[9] * 112, *[7] * 24, *[8] * 8])
_FIXED_DISTANCES = tree_of([5] * 30)

#: A literal as (0, byte), a match as (distance, length).
Token = tuple[int, int]


def _codes(bits: Sequence[int]) -> tuple[list[int], list[int]]:
    """The code for each number from 0 on, and the first number of each code."""
    codes: list[int] = []
    starts = []
    for code, count in enumerate(bits):
        starts.append(len(codes))
        codes += [code] * (1 << count)
    return codes, starts


_LENGTH_CODES, _LENGTH_STARTS = _codes(_LENGTH_BITS[:-1])
# The longest match has a code of its own.
_LENGTH_CODES[255], _LENGTH_STARTS = 28, [*_LENGTH_STARTS, 255]
_DISTANCE_CODES, _DISTANCE_STARTS = _codes(_DISTANCE_BITS)


class BlockWriter:
    """Writes blocks, whose bits follow each other without gaps."""

    def __init__(self) -> None:
        self._bits = 0
        self._count = 0
        self._done = bytearray()

    def block(self, tokens: Sequence[Token], stored: bytes | None, last: bool) -> None:
        """Write a block.

        Args:
            tokens: Literals and matches.
            stored: The bytes that they stand for; `None` if these can't be stored.
            last: Whether it's the last block.
        """
        symbols, distances = [0] * _SYMBOLS.count, [0] * _DISTANCES.count
        symbols[_END] = 1
        for distance, value in tokens:
            if distance:
                symbols[_LENGTH_CODES[value - 3] + 257] += 1
                distances[_DISTANCE_CODES[distance - 1]] += 1
            else:
                symbols[value] += 1
        trees = build_tree(symbols, _SYMBOLS), build_tree(distances, _DISTANCES)
        header = list(_tree_header(*trees))
        own = _bits(trees, symbols, distances) + sum(count for _, count in header)
        fixed = _bits((_FIXED_SYMBOLS, _FIXED_DISTANCES), [*symbols, 0, 0], distances)
        own_bytes, fixed_bytes = (own + 10) >> 3, (fixed + 10) >> 3
        if stored is not None and len(stored) + 4 <= min(own_bytes, fixed_bytes):
            self._put(int(last), 3)
            self._align()
            size = len(stored)
            self._done += size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little") + stored
        elif fixed_bytes <= own_bytes:
            self._put(2 + last, 3)
            self._tokens(tokens, _FIXED_SYMBOLS, _FIXED_DISTANCES)
        else:
            self._put(4 + last, 3)
            for value, count in header:
                self._put(value, count)
            self._tokens(tokens, *trees)
        if last:
            self._align()

    def take(self) -> bytes:
        """The whole bytes since the last time."""
        found, self._done = bytes(self._done), bytearray()
        return found

    def _tokens(self, tokens: Sequence[Token], symbols: Tree, distances: Tree) -> None:
        for distance, value in tokens:
            if not distance:
                self._put(symbols.codes[value], symbols.lengths[value])
                continue
            code = _LENGTH_CODES[value - 3]
            self._put(symbols.codes[code + 257], symbols.lengths[code + 257])
            self._put(value - 3 - _LENGTH_STARTS[code], _LENGTH_BITS[code])
            code = _DISTANCE_CODES[distance - 1]
            self._put(distances.codes[code], distances.lengths[code])
            self._put(distance - 1 - _DISTANCE_STARTS[code], _DISTANCE_BITS[code])
        self._put(symbols.codes[_END], symbols.lengths[_END])

    def _put(self, value: int, count: int) -> None:
        self._bits |= value << self._count
        self._count += count
        if self._count >= 64:
            self._done += (self._bits & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little")
            self._bits >>= 64
            self._count -= 64

    def _align(self) -> None:
        self._done += self._bits.to_bytes(-(-self._count // 8), "little")
        self._bits = self._count = 0


def _bits(trees: tuple[Tree, Tree], symbols: Sequence[int], distances: Sequence[int]) -> int:
    extra = [*_SYMBOLS.extra, 0, 0][: len(symbols)]
    return trees[0].bits(symbols, extra) + trees[1].bits(distances, _DISTANCES.extra)


def _tree_header(symbols: Tree, distances: Tree) -> Iterator[tuple[int, int]]:
    """Both codes, by their lengths, as numbers and their bits."""
    coded = [*_run_lengths(symbols), *_run_lengths(distances)]
    frequencies = [0] * _LENGTHS.count
    for symbol, _ in coded:
        frequencies[symbol] += 1
    tree = build_tree(frequencies, _LENGTHS)
    count = 19
    while count > 4 and not tree.lengths[_ORDER[count - 1]]:
        count -= 1
    yield symbols.last - 256, 5
    yield distances.last, 5
    yield count - 4, 4
    for symbol in _ORDER[:count]:
        yield tree.lengths[symbol], 3
    for symbol, repeated in coded:
        yield tree.codes[symbol], tree.lengths[symbol]
        if symbol > 15:
            yield repeated, _REPEAT_BITS[symbol - 16]


def _run_lengths(tree: Tree) -> Iterator[Token]:
    """The lengths of a code's codes, with runs of them: a symbol, and what follows it."""
    before = -1
    lengths = [*tree.lengths[: tree.last + 1], -1]
    run = 0
    for length, following in pairwise(lengths):
        run += 1
        most = 138 if not length else 6 if length == before else 7
        if run < most and length == following:
            continue
        least = 3 if not length or length == before else 4
        if run < least:
            yield from [(length, 0)] * run
        elif length:
            if length != before:
                yield length, 0
                run -= 1
            yield 16, run - 3
        elif run <= 10:
            yield 17, run - 3
        else:
            yield 18, run - 11
        run, before = 0, length
