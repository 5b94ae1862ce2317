"""Bases of another form: values of the wanted dtype and shape that stored elements are arranged into.

Whether a form fits is told by the values, by a small part of each at first; names only say which to compare.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import permutations
from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.encoding.candidates import BaseCandidate
from git_theta.encoding.choice import EncodingChoice, known_payload
from git_theta.encoding.feature_cache import FeatureCache
from git_theta.encoding.folded_copies import folded, run_copy
from git_theta.encoding.lines import Lines, as_numbers
from git_theta.encoding.row_search import RowIndex, find_runs
from git_theta.errors import CorruptError, MissingObjectError, PluginError
from git_theta.model.places import spread_places
from git_theta.model.tensor import TensorSpec
from git_theta.updates.arrange import MAX_COPIES, Arrange, Arrangement, arranged
from git_theta.updates.base import Base
from git_theta.updates.cast import Cast, cast_to
from git_theta.updates.gather import SMALLEST_VALUE
from git_theta.updates.strided_copy import Dimension, StridedCopy

if TYPE_CHECKING:
    from git_theta.encoding.lines import Numbers

#: Elements of a value that are compared with those that a form would put there.
_SAMPLE = 4096

#: Elements are related if the square of their distance is at most this share of the sum of their squares.
_RELATED = 0.35

#: Most dimensions of values whose dimensions are permuted.
_MAX_PERMUTED = 5

#: Elements of the shortest rows that are looked for.
_SHORTEST_ROW = 8

#: Most parts of a vector, such as the biases of an attention layer's heads.
_MAX_PARTS = 128

#: Rows at the beginning of a stored value by which it's found in a new one.
_HEAD_ROWS = 3

#: Errors of a base that can't be read: it's left out.
_UNREADABLE = (CorruptError, MissingObjectError, PluginError)


def derived_candidates(
    value: memoryview,
    spec: TensorSpec,
    relatives: Sequence[BaseCandidate],
    cache: FeatureCache | None = None,
) -> Iterator[BaseCandidate]:
    """Bases of a value's dtype and shape that are made of stored values; their sources are choices.

    Args:
        value: Logical bytes.
        spec: Dtype and shape.
        relatives: Stored values of any dtype and shape, the likeliest first.
        cache: Features of larger values, for all values that may be parts of them.
    """
    usable = [each for each in relatives if _can_become(each.base.spec.dtype, spec.dtype)]
    for relative in usable:
        for form in (_permuted, _widened):
            try:
                copy = form(value, spec, relative.base)
            except _UNREADABLE:
                break
            if copy:
                yield _derived(spec, [relative], Arrangement(((copy,),), (relative.base.spec.count,)))
                break
    for dtype in dict.fromkeys(each.base.spec.dtype for each in usable):
        alike = [each for each in usable if each.base.spec.dtype == dtype]
        yield from _gathered(value, spec, alike, cache or FeatureCache())


def _can_become(dtype: str, wanted: str) -> bool:
    return dtype == wanted or Cast().accepts(TensorSpec(wanted, ()), TensorSpec(dtype, ()))


def _derived(spec: TensorSpec, relatives: Sequence[BaseCandidate], arrangement: Arrangement) -> BaseCandidate:
    """The candidate that an arrangement makes, cast to the value's dtype."""
    source = TensorSpec(relatives[0].base.spec.dtype, spec.shape)
    payload = Arrange().encode_arrangement(arrangement, source)
    choice = EncodingChoice(
        Arrange.name, partial(known_payload, payload), tuple(each.source for each in relatives)
    )
    base = arranged([each.base for each in relatives], arrangement, source)
    if source.dtype != spec.dtype:
        rounding = Cast().encode_between(source.dtype, spec.dtype)
        choice = EncodingChoice(Cast.name, partial(known_payload, rounding), (choice,))
    return BaseCandidate(cast_to(base, spec.dtype), choice, any(each.at_limit for each in relatives))


def _permuted(value: memoryview, spec: TensorSpec, base: Base) -> StridedCopy | None:
    """The copy that permutes the dimensions of a base, if that comes near to the value."""
    shape = tuple(size for size in spec.shape if size != 1)
    before = tuple(size for size in base.spec.shape if size != 1)
    if not 1 < len(shape) <= _MAX_PERMUTED or sorted(shape) != sorted(before):
        return None
    identity = tuple(range(len(shape)))
    orders = [
        order
        for order in permutations(identity)
        if order != identity and tuple(before[at] for at in order) == shape
    ]
    if not orders:
        return None
    head = _Head.of(base)
    best = min(orders, key=lambda order: head.distance(value, spec, _permutation(before, order)))
    copy = _permutation(before, best)
    return copy if head.distance(value, spec, copy) <= _RELATED else None


def _permutation(shape: tuple[int, ...], order: Sequence[int]) -> StridedCopy:
    """The copy of a whole value whose dimensions come in another order."""
    steps = _steps(shape)
    targets = dict(zip(order, _steps(tuple(shape[at] for at in order)), strict=True))
    return StridedCopy(0, 0, tuple(Dimension(shape[at], steps[at], targets[at]) for at in range(len(shape))))


def _steps(shape: tuple[int, ...]) -> list[int]:
    """Elements from one index of each dimension to the next."""
    return [math.prod(shape[at + 1 :]) for at in range(len(shape))]


def _widened(value: memoryview, spec: TensorSpec, base: Base) -> StridedCopy | None:
    """The copy of the corner that value and base share, if some dimension grew or shrank."""
    shape, before = spec.shape, base.spec.shape
    if len(shape) != len(before) or shape == before or len(shape) > _MAX_PERMUTED:
        return None
    common = tuple(map(min, shape, before))
    if 2 * math.prod(common) < min(math.prod(shape), math.prod(before)) or not math.prod(common):
        return None
    dimensions = zip(common, _steps(before), _steps(shape), strict=True)
    copy = StridedCopy(0, 0, tuple(Dimension(*each) for each in dimensions if each[0] > 1))
    return copy if _Head.of(base).distance(value, spec, copy) <= _RELATED else None


class _Head:
    """The first elements of a base, to be compared with a value.

    Args:
        numbers: The elements as float32, flat.
    """

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    @classmethod
    def of(cls, base: Base) -> _Head:
        """The first MiB of a base.

        Raises:
            CorruptError, MissingObjectError: The base can't be read.
        """
        import numpy as np

        chunk = next(base.chunks(CHUNK), memoryview(b""))
        return cls(as_numbers(np.frombuffer(chunk, f"<u{base.spec.item_size}"), base.spec.dtype))

    def distance(self, value: memoryview, spec: TensorSpec, copy: StridedCopy) -> float:
        """The distance of a sample of the elements that a copy takes from this head to those of the value.

        It's the sum of the differences' squares as a share of all squares; 1 if there are none to compare.
        """
        import numpy as np

        sources, targets = np.array([copy.source]), np.array([copy.target])
        for count, source_step, target_step in sorted(copy.dimensions, key=lambda each: each.source_step):
            fitting = min(count, (len(self._numbers) - 1 - int(sources.max())) // max(source_step, 1) + 1)
            # Of each dimension some indices, over all that the head has.
            most = max(2, math.ceil((8 * _SAMPLE) ** (1 / len(copy.dimensions))))
            indices = spread_places(max(1, fitting), most)
            sources = (sources[:, None] + indices * source_step).reshape(-1)
            targets = (targets[:, None] + indices * target_step).reshape(-1)
        picked = spread_places(len(sources), _SAMPLE)
        words = np.frombuffer(value, f"<u{spec.item_size}")[targets[picked]]
        ours, theirs = as_numbers(words, spec.dtype), self._numbers[sources[picked]]
        total = float(ours @ ours) + float(theirs @ theirs)
        return float(((ours - theirs) ** 2).sum()) / total if total else 1.0


def _gathered(
    value: memoryview, spec: TensorSpec, relatives: Sequence[BaseCandidate], cache: FeatureCache
) -> Iterator[BaseCandidate]:
    """The candidate whose rows, or columns, are those of stored values: a fused, split or stacked matrix."""
    own = Base(spec, lambda _nbytes: iter((value,)))
    # Of a single value of this type, the other orientations would be the transposed value.
    permuted = len(relatives) == 1 and relatives[0].base.spec == spec
    if permuted and spec.nbytes >= SMALLEST_VALUE:
        # `gather` has found none of its slices.
        return
    orientations = _row_orientations if permuted else _orientations
    for target, are_columns in orientations(own, relatives[0].base.spec):
        lines = [_lines(each.base, target.length, are_columns) for each in relatives]
        pairs = [(each, of) for each, of in zip(relatives, lines, strict=True) if of]
        found = _arrangement(target, pairs, cache)
        if found:
            yield _derived(spec, *found)
            return


def _row_orientations(own: Base, other: TensorSpec) -> Iterator[tuple[Lines, bool]]:
    """The rows of a value, in each of the lengths that may be those of the others' rows."""
    for length in _row_lengths(own.spec, other):
        yield Lines(own, length), False


def _orientations(own: Base, other: TensorSpec) -> Iterator[tuple[Lines, bool]]:
    """The lines of a value that may be lines of others, each with whether these are columns."""
    yield from _row_orientations(own, other)
    if len(own.spec.shape) == 2 and min(own.spec.shape) >= _SHORTEST_ROW:
        rows, columns = own.spec.shape
        yield Lines(own, rows, are_columns=True), False
        yield Lines(own, columns), True
        yield Lines(own, rows, are_columns=True), True


def _lines(base: Base, length: int, are_columns: bool) -> Lines | None:
    """The lines of that length; `None` if there are none."""
    shape = base.spec.shape
    if are_columns:
        return Lines(base, length, are_columns=True) if len(shape) == 2 and shape[0] == length else None
    is_multiple = base.spec.count and base.spec.count % length == 0
    # A line that goes over the end of a row would be found by accident only.
    fits = len(shape) < 2 or length % shape[-1] == 0
    return Lines(base, length) if is_multiple and fits else None


def _arrangement(
    target: Lines, pairs: Sequence[tuple[BaseCandidate, Lines]], cache: FeatureCache
) -> tuple[list[BaseCandidate], Arrangement] | None:
    """The stored values that lines come from, and their part in the value; `None` if most come from nowhere.

    Args:
        target: The value's lines.
        pairs: Stored values with their lines.
        cache: Features of larger values.
    """
    if not pairs:
        return None
    own = target.features()
    index = RowIndex.of([own])
    used: list[tuple[BaseCandidate, Lines]] = []
    matrices: list[Numbers] = []
    for candidate, lines in pairs:
        try:
            if lines.count <= target.count and not lines.are_columns:
                head = lines.first_features(_HEAD_ROWS)
                if all(index.nearest(row) is None for row in head):
                    continue
            is_larger = lines.count > target.count
            matrices.append(cache.features(candidate.source, lines) if is_larger else lines.features())
        except _UNREADABLE:
            continue
        used.append((candidate, lines))
    runs = find_runs(own, RowIndex.of(matrices)) if matrices else None
    if not runs or 2 * sum(run.length for run in runs) < target.count:
        return None
    places = sorted({run.source for run in runs})
    copies = [
        tuple(folded([run_copy(run, used[at][1], target) for run in runs if run.source == at]))
        for at in places
    ]
    if sum(map(len, copies)) > MAX_COPIES:
        return None
    counts = tuple(used[at][0].base.spec.count for at in places)
    return [used[at][0] for at in places], Arrangement(tuple(copies), counts)


def _row_lengths(spec: TensorSpec, base: TensorSpec) -> Iterator[int]:
    """Elements of the longest rows that both consist of; of vectors, also of equal parts of these."""
    ours = {math.prod(spec.shape[at:]) for at in range(len(spec.shape) + 1)}
    theirs = {math.prod(base.shape[at:]) for at in range(len(base.shape) + 1)}
    # A single row tells nothing about its order.
    length = max((ours & theirs) - ({spec.count} if spec.count == base.count else set()), default=1)
    if length >= _SHORTEST_ROW:
        yield length
    elif max(len(spec.shape), len(base.shape)) == 1:
        most = math.gcd(spec.count, base.count)
        for parts in range(1 + (spec.count == base.count), _MAX_PARTS + 1):
            if most % parts == 0 and most // parts >= _SHORTEST_ROW:
                yield most // parts
