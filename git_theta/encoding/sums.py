"""Sums: programs of weighted sums, rounded once or, as a program that computes in BF16 does, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

from git_theta.updates.program import Instruction, Program

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The most parts whose orders are all tried.
_MOST_ORDERED = 3

#: Weights that differ by less are equal, and so is their sum to one.
_EQUAL = 1e-9


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """A way to compute a weighted sum of some parts.

    Attributes:
        weights: The weights of all parts.
        places: Indices of the parts that are the program's inputs, in their order.
        program: The program.
    """

    weights: tuple[float, ...]
    places: tuple[int, ...]
    program: Program


def rounded_once(weights: Sequence[float]) -> WeightedSum:
    """The sum of parts in their order, each times its weight; those of no weight are left out."""
    places = _used(weights)
    steps = _Steps("", places)
    total: int | None = None
    for place in places:
        product = steps.times(steps.part(place), weights[place])
        total = product if total is None else steps.add("add", total, product)
    return WeightedSum(tuple(weights), places, steps.program())


def rounded_stepwise(weights: Sequence[float], dtype: str) -> Iterator[WeightedSum]:
    """The ways in which libraries compute such a sum where each operation gives numbers of a dtype.

    Args:
        weights: The weights of the parts; a part of no weight may be one that others are compared with.
        dtype: One of `ROUNDED`.
    """
    used = _used(weights)
    own = [weights[place] for place in used]
    for order in _orders(used):
        for is_fused in (False, True):
            yield WeightedSum(tuple(weights), used, _of_products(used, order, weights, dtype, is_fused))
        if len(used) > 1 and max(own) - min(own) < _EQUAL:
            for divides in (False, True):
                yield WeightedSum(tuple(weights), used, _scaled(used, order, own[0], dtype, divides))
            yield WeightedSum(tuple(weights), used, _of_quotients(used, order, own[0], dtype))
    if abs(sum(weights) - 1) >= _EQUAL:
        return
    for base in range(len(weights)):
        inputs = tuple(sorted({*used, base}))
        for order in _orders([place for place in used if place != base]):
            if order:
                for is_fused in (False, True):
                    program = _added_to(inputs, base, order, weights, dtype, is_fused)
                    yield WeightedSum(tuple(weights), inputs, program)
                program = _sum_added_to(inputs, base, order, weights, dtype)
                yield WeightedSum(tuple(weights), inputs, program)


def _used(weights: Sequence[float]) -> tuple[int, ...]:
    return tuple(place for place, weight in enumerate(weights) if weight)


class _Steps:
    """Instructions, each result of which is rounded, except for products that are added at once.

    Args:
        dtype: Dtype of results; empty to round none.
        inputs: The parts that are inputs, in their order.
    """

    def __init__(self, dtype: str, inputs: Sequence[int]) -> None:
        self._dtype = dtype
        self._inputs = tuple(inputs)
        self._steps: list[Instruction] = []

    def part(self, place: int) -> int:
        """The number of a part."""
        return self._append("input", self._inputs.index(place))

    def add(self, operation: str, *taken: int) -> int:
        """The rounded result of an operation."""
        return self._rounded(self._append(operation, *taken))

    def times(self, number: int, weight: float, is_exact: bool = False) -> int:
        """A product, rounded unless it should be exact."""
        product = self._append("mul", number, self.number(weight))
        return product if is_exact else self._rounded(product)

    def number(self, value: float) -> int:
        """A constant, which libraries have as float32 where they compute in less."""
        import numpy as np

        return self._append("number", float(np.float32(value)) if self._dtype else value)

    def program(self) -> Program:
        """The program of all steps."""
        return Program(tuple(self._steps))

    def _rounded(self, place: int) -> int:
        if not self._dtype:
            return place
        # Libraries compute in float32. That counts: to round twice may give another number.
        return self._append("round", self._dtype, self._append("round", "F32", place))

    def _append(self, *step: object) -> int:
        self._steps.append(step)
        return len(self._steps) - 1


def _orders(places: Iterable[int]) -> Iterator[tuple[int, ...]]:
    """The orders of parts that give different sums: the first two may be swapped."""
    known = tuple(places)
    if len(known) > _MOST_ORDERED:
        yield known
        return
    yield from (order for order in permutations(known) if len(order) < 2 or order[0] < order[1])


def _of_products(
    inputs: Sequence[int], order: Sequence[int], weights: Sequence[float], dtype: str, is_fused: bool
) -> Program:
    """`a * wa + b * wb`; fused as `torch.add(a * wa, b, alpha=wb)`."""
    steps = _Steps(dtype, inputs)
    first, *others = order
    total = steps.times(steps.part(first), weights[first])
    for place in others:
        total = steps.add("add", total, steps.times(steps.part(place), weights[place], is_fused))
    return steps.program()


def _of_quotients(inputs: Sequence[int], order: Sequence[int], weight: float, dtype: str) -> Program:
    """`a / n + b / n`."""
    steps = _Steps(dtype, inputs)
    total: int | None = None
    for place in order:
        quotient = steps.add("div", steps.part(place), steps.number(1 / weight))
        total = quotient if total is None else steps.add("add", total, quotient)
    return steps.program()


def _scaled(inputs: Sequence[int], order: Sequence[int], weight: float, dtype: str, divides: bool) -> Program:
    """`(a + b) * w`, or `(a + b) / n`."""
    steps = _Steps(dtype, inputs)
    first, *others = order
    total = steps.part(first)
    for place in others:
        total = steps.add("add", total, steps.part(place))
    if divides:
        steps.add("div", total, steps.number(1 / weight))
    else:
        steps.times(total, weight)
    return steps.program()


def _added_to(
    inputs: Sequence[int],
    base: int,
    order: Sequence[int],
    weights: Sequence[float],
    dtype: str,
    is_fused: bool,
) -> Program:
    """`base + (a - base) * wa + (b - base) * wb`."""
    steps = _Steps(dtype, inputs)
    total = root = steps.part(base)
    for place in order:
        change = steps.add("sub", steps.part(place), root)
        total = steps.add("add", total, steps.times(change, weights[place], is_fused))
    return steps.program()


def _sum_added_to(
    inputs: Sequence[int], base: int, order: Sequence[int], weights: Sequence[float], dtype: str
) -> Program:
    """`base + ((a - base) * wa + (b - base) * wb)`; equal weights after the sum."""
    steps = _Steps(dtype, inputs)
    root = steps.part(base)
    own = [weights[place] for place in order]
    are_equal = max(own) - min(own) < _EQUAL
    total: int | None = None
    for place in order:
        change = steps.add("sub", steps.part(place), root)
        if not are_equal:
            change = steps.times(change, weights[place])
        total = change if total is None else steps.add("add", total, change)
    assert total is not None  # noqa: S101
    steps.add("add", root, steps.times(total, own[0]) if are_equal else total)
    return steps.program()
