"""Row alignment: the rows of a matrix that correspond to rows of another one."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import NamedTuple

from blake3 import blake3

from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base
from git_theta.updates.rechunk import rechunk

#: More runs than this cost more than they save; the longest are kept.
_MAX_RUNS = 10_000


class Run(NamedTuple):
    """Consecutive rows that a value and its base share.

    Attributes:
        base_start: Index of the first row in the base.
        value_start: Index of the first row in the value.
        length: Number of rows.
    """

    base_start: int
    value_start: int
    length: int


def align_rows(value: memoryview, spec: TensorSpec, base: Base) -> list[Run]:
    """Runs of rows of a value that correspond to rows of its base, ascending in both.

    Equal rows that are unique on both sides are anchors; the longest ascending series of anchors counts
    (the patience method of text diffs). Rows between two anchors at the same distance on both sides
    correspond too, equal or not. Without anchors, the first rows correspond.

    Args:
        value: Logical bytes of the value.
        spec: Dtype and shape, with at least one dimension.
        base: The other matrix, with rows of the same size.
    """
    row = row_bytes(spec)
    value_rows = [blake3(value[at : at + row]).digest(16) for at in range(0, len(value), row)]
    pieces = base.read(base.spec.nbytes)
    base_rows = [blake3(piece).digest(16) for piece in rechunk(pieces, row, base.spec.nbytes)]
    value_counts, base_counts = Counter(value_rows), Counter(base_rows)
    unique = {key: index for index, key in enumerate(value_rows) if value_counts[key] == 1}
    pairs = [
        (index, unique[key]) for index, key in enumerate(base_rows) if base_counts[key] == 1 and key in unique
    ]
    runs: list[Run] = []
    before = (-1, -1)
    for anchor in [*_longest_ascending(pairs), (len(base_rows), len(value_rows))]:
        # Where the gaps are unequal, rows were inserted or removed: those at the beginning correspond.
        count = min(anchor[0] - before[0], anchor[1] - before[1]) - 1
        runs.append(Run(before[0] + 1, before[1] + 1, count))
        if anchor[0] < len(base_rows):
            runs.append(Run(*anchor, 1))
        before = anchor
    return _joined(runs)


def row_bytes(spec: TensorSpec) -> int:
    """Bytes of the elements with one index of the first dimension; 0 if there are none."""
    return spec.nbytes // spec.shape[0] if spec.shape and spec.shape[0] else 0


def _longest_ascending(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest subsequence of pairs, sorted by their first number, whose second numbers ascend."""
    ends: list[int] = []
    tails: list[int] = []
    links: list[int] = []
    for index, (_, second) in enumerate(pairs):
        length = bisect_left(ends, second)
        links.append(tails[length - 1] if length else -1)
        if length == len(ends):
            ends.append(second)
            tails.append(index)
        else:
            ends[length], tails[length] = second, index
    found = []
    index = tails[-1] if tails else -1
    while index >= 0:
        found.append(pairs[index])
        index = links[index]
    return found[::-1]


def _joined(runs: list[Run]) -> list[Run]:
    """Adjacent runs as one, without empty ones; at most `_MAX_RUNS`."""
    joined: list[Run] = []
    for run in runs:
        if not run.length:
            continue
        last = joined[-1] if joined else None
        if (
            last
            and last.base_start + last.length == run.base_start
            and last.value_start + last.length == run.value_start
        ):
            joined[-1] = Run(last.base_start, last.value_start, last.length + run.length)
        else:
            joined.append(run)
    if len(joined) > _MAX_RUNS:
        joined = sorted(sorted(joined, key=lambda run: -run.length)[:_MAX_RUNS])
    return joined
