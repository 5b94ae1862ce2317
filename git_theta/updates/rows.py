"""Rows: a matrix that grew or lost rows, such as the embeddings of a vocabulary.

Runs of consecutive rows come from the base, in the order that they have there; the rest is stored.
Where runs hold rows that changed a little, another update is put on top.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from blake3 import blake3

from git_theta import codecs
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Payload, Pieces, only
from git_theta.updates.chunks import chunks
from git_theta.updates.payload import typed_header, unpack_typed

#: First row in the base, first row in the value, number of rows.
Run = tuple[int, int, int]

#: More runs than this aren't worth a line in a header; the longest are kept.
_MOST_RUNS = 10_000


class Rows:
    """A matrix that shares rows with another one."""

    name = "rows"

    def encode(self, value: memoryview, spec: TensorSpec, base_nbytes: int, runs: Sequence[Run]) -> Payload:
        """The payload for a value.

        Args:
            value: Logical bytes.
            spec: Dtype and shape, with at least one dimension.
            base_nbytes: Size of the base, whose rows are as long as the value's.
            runs: What comes from the base, ascending on both sides; nothing is said about whether the
                rows are equal.
        """
        yield typed_header(
            self.name,
            spec,
            codec=codecs.DEFAULT.name,
            base=base_nbytes,
            runs=[number for run in runs for number in run],
        )
        row = _row_bytes(spec)
        news = b"".join(bytes(value[start * row : end * row]) for start, end in _gaps(runs, spec.shape[0]))
        yield codecs.compress(memoryview(news), spec)

    def decode(self, payload: memoryview | None, inputs: Sequence[Input], nbytes: int) -> Pieces:
        """The rows in order, from the base and from the payload."""
        base = only(inputs, self.name)
        spec, header, body = unpack_typed(self.name, payload, nbytes)
        base_nbytes, row = header.get("base"), _row_bytes(spec)
        if not spec.shape or type(base_nbytes) is not int:
            raise CorruptError("the payload's rows make no sense")
        runs = _runs(header.get("runs"), spec.shape[0], base_nbytes // row if row else 0)
        gaps = _gaps(runs, spec.shape[0])
        codec = codecs.named(header.get("codec"))
        size = sum(end - start for start, end in gaps) * row
        news = _Cursor(codec.decode(body, codec.params(spec), size))
        olds = _Cursor(chunks(base(base_nbytes), 1 << 20, base_nbytes))
        parts = [(start, end, -1) for start, end in gaps]
        parts += [(start, start + count, origin) for origin, start, count in runs]
        at = 0
        for start, end, origin in sorted(parts):
            if origin < 0:
                yield from news.take((end - start) * row)
            else:
                olds.skip(origin * row - at)
                yield from olds.take((end - start) * row)
                at = (origin + end - start) * row


def align(value: memoryview, spec: TensorSpec, base: Pieces, base_spec: TensorSpec) -> list[Run]:
    """Which rows of a base correspond to which of a value.

    Rows that are equal, and the only ones of their content, are anchors; the longest ascending series of
    them counts (the patience method). What lies between two anchors at the same distance on both sides
    corresponds too. Without anchors, the first rows do.
    """
    row = _row_bytes(spec)
    news = [blake3(value[at : at + row]).digest(16) for at in range(0, len(value), row)]
    olds = [blake3(piece).digest(16) for piece in chunks(base, row, base_spec.nbytes)]
    new_counts, old_counts = Counter(news), Counter(olds)
    places = {key: place for place, key in enumerate(news) if new_counts[key] == 1}
    pairs = [(old, places[key]) for old, key in enumerate(olds) if old_counts[key] == 1 and key in places]
    anchors = _longest_ascending(pairs)
    runs: list[Run] = []
    before = (-1, -1)
    for anchor in [*anchors, (len(olds), len(news))]:
        gap_old, gap_new = anchor[0] - before[0] - 1, anchor[1] - before[1] - 1
        # Unequal gaps: rows came or went here. Those at the beginning correspond for want of better.
        count = min(gap_old, gap_new)
        runs.append((before[0] + 1, before[1] + 1, count))
        if anchor[0] < len(olds):
            runs.append((*anchor, 1))
        before = anchor
    return _joined(runs)


def _row_bytes(spec: TensorSpec) -> int:
    return spec.nbytes // spec.shape[0] if spec.shape and spec.shape[0] else 0


def _longest_ascending(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of pairs, sorted by their first number, that ascends in the second."""
    ends: list[int] = []
    tails: list[int] = []
    links: list[int] = []
    for number, (_, place) in enumerate(pairs):
        at = bisect_left(ends, place)
        links.append(tails[at - 1] if at else -1)
        if at == len(ends):
            ends.append(place)
            tails.append(number)
        else:
            ends[at], tails[at] = place, number
    found = []
    number = tails[-1] if tails else -1
    while number >= 0:
        found.append(pairs[number])
        number = links[number]
    return found[::-1]


def _joined(runs: list[Run]) -> list[Run]:
    joined: list[Run] = []
    for old, new, count in runs:
        if not count:
            continue
        if joined and joined[-1][0] + joined[-1][2] == old and joined[-1][1] + joined[-1][2] == new:
            joined[-1] = (joined[-1][0], joined[-1][1], joined[-1][2] + count)
        else:
            joined.append((old, new, count))
    if len(joined) > _MOST_RUNS:
        joined = sorted(sorted(joined, key=lambda run: -run[2])[:_MOST_RUNS])
    return joined


def _gaps(runs: Sequence[Run], rows: int) -> list[tuple[int, int]]:
    """The value's rows that no run has, as half-open ranges."""
    gaps, at = [], 0
    for _, start, count in runs:
        if start > at:
            gaps.append((at, start))
        at = start + count
    if rows > at:
        gaps.append((at, rows))
    return gaps


def _runs(numbers: object, rows: int, base_rows: int) -> list[Run]:
    """Runs from a header.

    Raises:
        CorruptError: They don't ascend, or lead out of the value or its base.
    """
    if not isinstance(numbers, list) or len(numbers) % 3 or not all(type(n) is int for n in numbers):
        raise CorruptError("the payload's rows make no sense")
    runs = list(zip(numbers[::3], numbers[1::3], numbers[2::3], strict=True))
    old = new = 0
    for start, place, count in runs:
        if start < old or place < new or count < 1:
            raise CorruptError("the payload's rows aren't in order")
        old, new = start + count, place + count
    if new > rows or old > base_rows:
        raise CorruptError("the payload's rows are more than there are")
    return runs


class _Cursor:
    """Bytes taken from pieces, in order."""

    def __init__(self, pieces: Iterator[memoryview]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def take(self, count: int) -> Pieces:
        while count:
            if not self._rest:
                self._rest = next(self._pieces, memoryview(b""))
                if not self._rest:
                    raise CorruptError("an input is shorter than it should be")
            piece, self._rest = self._rest[:count], self._rest[count:]
            count -= len(piece)
            yield piece

    def skip(self, count: int) -> None:
        for _ in self.take(count):
            pass
