"""Folded copies: runs of rows or columns as few strided copies, such as one for all heads of a layer."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.encoding.lines import Lines
from git_theta.encoding.row_search import RowRun
from git_theta.updates.strided_copy import MAX_COPY_DIMENSIONS, Dimension, StridedCopy


def run_copy(run: RowRun, source: Lines, target: Lines) -> StridedCopy:
    """The copy of a run.

    Args:
        run: The run.
        source: The rows or columns that it comes from.
        target: Those of the value; as long.
    """
    length, step = source.length, run.step * source.step
    first, place = run.source_row * source.step, run.row * target.step
    if source.element_step == target.element_step == 1 and step == target.step == length:
        return StridedCopy(first, place, (Dimension(run.length * length, 1, 1),))
    lines = Dimension(run.length, step, target.step)
    return StridedCopy(first, place, (lines, Dimension(length, source.element_step, target.element_step)))


def folded(copies: Sequence[StridedCopy]) -> list[StridedCopy]:
    """The same copies, those at regular distances as one with a dimension more.

    Args:
        copies: Copies of one source, in the order of their targets.
    """
    found = list(copies)
    while True:
        shorter = _folded_once(found)
        if len(shorter) == len(found):
            return found
        found = shorter


def _folded_once(copies: Sequence[StridedCopy]) -> list[StridedCopy]:
    found: list[StridedCopy] = []
    at = 0
    while at < len(copies):
        first = copies[at]
        count = _regular(copies, at)
        if count > 1:
            steps = copies[at + 1].source - first.source, copies[at + 1].target - first.target
            found.append(
                StridedCopy(first.source, first.target, (Dimension(count, *steps), *first.dimensions))
            )
        else:
            found.append(first)
        at += count
    return found


def _regular(copies: Sequence[StridedCopy], at: int) -> int:
    """The number of copies from one on that can be folded into one."""
    first = copies[at]
    if at + 1 == len(copies) or len(first.dimensions) == MAX_COPY_DIMENSIONS:
        return 1
    steps = copies[at + 1].source - first.source, copies[at + 1].target - first.target
    count = 1
    while at + count < len(copies):
        expected = StridedCopy(
            first.source + count * steps[0], first.target + count * steps[1], first.dimensions
        )
        if copies[at + count] != expected:
            break
        count += 1
    whole = StridedCopy(first.source, first.target, (Dimension(count, *steps), *first.dimensions))
    return count if min(steps) > 0 and whole.is_nested else 1
