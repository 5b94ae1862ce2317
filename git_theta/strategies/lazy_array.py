"""Numbers: what strategies compute with. Lazy, so that a large parameter is never in memory as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from git_theta.model.strided import Temporary, scratch, temporary_file
from git_theta.strategies.array_sources import ArraySource, InMemory
from git_theta.updates.program import OPERATIONS, Program, evaluate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class LazyArray:
    """The float64 numbers of one parameter, or a mask over them, as an expression that isn't evaluated yet.

    Operations on two of them are element by element and give the same bits on every machine: those
    of IEEE 754 alone. Reductions, which give a `float` or an `int`, are computed at once, piece by piece.
    Nothing raises or warns because of numbers: zero divided by zero is a NaN.

    Attributes:
        shape: Of the parameter; complex numbers have an extra last dimension of 2.
    """

    shape: tuple[int, ...]
    _operation: str
    _parts: tuple[Any, ...]
    _temporary: Temporary = field(default=temporary_file, repr=False)

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def is_mask(self) -> bool:
        """Whether these are truth values."""
        return self._operation in OPERATIONS and OPERATIONS[self._operation][1] == "m"

    # Element by element; a plain float stands for itself in every place. All give `LazyArray`.

    def __add__(self, other: LazyArray | float) -> LazyArray:
        return self._make("add", self, other)

    def __radd__(self, other: float) -> LazyArray:
        return self._make("add", other, self)

    def __sub__(self, other: LazyArray | float) -> LazyArray:
        return self._make("sub", self, other)

    def __rsub__(self, other: float) -> LazyArray:
        return self._make("sub", other, self)

    def __mul__(self, other: LazyArray | float) -> LazyArray:
        return self._make("mul", self, other)

    def __rmul__(self, other: float) -> LazyArray:
        return self._make("mul", other, self)

    def __truediv__(self, other: LazyArray | float) -> LazyArray:
        return self._make("div", self, other)

    def __rtruediv__(self, other: float) -> LazyArray:
        return self._make("div", other, self)

    def __neg__(self) -> LazyArray:
        return self._make("neg", self)

    def __abs__(self) -> LazyArray:
        return self._make("abs", self)

    def sqrt(self) -> LazyArray:
        """The square root; of a negative number, a NaN."""
        return self._make("sqrt", self)

    def sign(self) -> LazyArray:
        """1, -1 or 0; of a NaN, a NaN."""
        return self._make("sign", self)

    # Comparisons give masks; masks are combined by & | ~ and used by `where`, or as numbers: 1.0 and 0.0.
    # No comparison with a NaN is true.

    def __lt__(self, other: LazyArray | float) -> LazyArray:
        return self._make("lt", self, other)

    def __le__(self, other: LazyArray | float) -> LazyArray:
        return self._make("le", self, other)

    def __gt__(self, other: LazyArray | float) -> LazyArray:
        return self._make("gt", self, other)

    def __ge__(self, other: LazyArray | float) -> LazyArray:
        return self._make("ge", self, other)

    def equals(self, other: LazyArray | float) -> LazyArray:
        """A mask of where they're equal."""
        return self._make("eq", self, other)

    def __and__(self, other: LazyArray) -> LazyArray:
        return self._make("and", self, other)

    def __or__(self, other: LazyArray) -> LazyArray:
        return self._make("or", self, other)

    def __invert__(self) -> LazyArray:
        return self._make("not", self)

    # Reductions: computed now.

    def total(self) -> float:
        """The sum; of a mask, how many are true."""
        import numpy as np

        total = 0.0
        with np.errstate(all="ignore"):
            for block in self._again():
                total += float(block.sum())
        return total

    def dot(self, other: LazyArray) -> float:
        """The sum of the products, accumulated in float64."""
        return (self * other).total()

    def norm(self) -> float:
        """The Euclidean norm."""
        return math.sqrt(self.dot(self))

    def largest(self) -> float:
        """The maximum; of nothing, minus infinity; a NaN if there's any."""
        import numpy as np

        highest = [float(block.max()) for block in self._again()]
        return float(np.max(highest, initial=-math.inf))

    def top(self, k: int) -> LazyArray:
        """A mask of exactly `k` elements, the largest; of equal ones, those that come first in C order.

        NaNs are less than every number. If there are fewer than `k` elements, it's all of them.
        """
        import numpy as np

        k = max(0, min(k, self.count))
        place = self._make("index")
        if k == 0:
            return place < 0.0
        if k == self.count:
            return place >= 0.0
        values = self._flat()
        have = 0
        for block in self._again():
            numbers = block[~np.isnan(block)]
            values[have : have + len(numbers)] = numbers
            have += len(numbers)
        if k > have:
            number = self.equals(self)
            return number | (~number & (place <= (~number)._place_of(k - have)))
        values = values[:have]
        values.partition(have - k)
        limit = float(values[have - k])
        equal = k - int(np.count_nonzero(values[have - k :] > limit))
        if equal == np.count_nonzero(values == limit):
            return self >= limit
        ties = self.equals(limit)
        return (self > limit) | (ties & (place <= ties._place_of(equal)))

    def _place_of(self, nth: int) -> int:
        """The index of the nth true element of a mask, from 1."""
        import numpy as np

        start = 0
        for block in self._again():
            found = int(np.count_nonzero(block))
            if found >= nth:
                return start + int(np.flatnonzero(block)[nth - 1])
            nth -= found
            start += len(block)
        raise ValueError("too few elements of the mask are true")

    # Ways out of the expression.

    def array(self) -> NDArray[np.float64]:
        """All numbers, with the parameter's shape, in memory (a mapped temporary file if they're many)."""
        values = self._flat()
        at = 0
        for block in self._again():
            values[at : at + len(block)] = block
            at += len(block)
        return values.reshape(self.shape)

    def pieces(self) -> Iterator[NDArray[Any]]:
        """All numbers in C order, flat, a few at a time; each array is valid until the next is asked for.

        They're float64; those of a mask are booleans.
        """
        program, leaves = self.program()
        block = program.block
        return evaluate(program, [leaf.blocks(block) for leaf in leaves], self.count, block)

    def program(self) -> tuple[Program, tuple[ArraySource, ...]]:
        """What computes these numbers, and the leaves that are its inputs, in order."""
        builder = _Builder()
        builder.add(self)
        return Program(tuple(builder.steps)), tuple(builder.leaves)

    def _again(self) -> Iterator[NDArray[Any]]:
        """Like `pieces`, for those who'll read the leaves more than once."""
        program, leaves = self.program()
        for leaf in leaves:
            leaf.hold()
        block = program.block
        return evaluate(program, [leaf.blocks(block) for leaf in leaves], self.count, block)

    def _flat(self) -> NDArray[np.float64]:
        import numpy as np

        return np.frombuffer(scratch(8 * self.count, self._temporary), np.float64)

    def _make(self, operation: str, *parts: LazyArray | float) -> LazyArray:
        """An operation on numbers of this shape; masks are taken as numbers where it wants those."""
        takes = OPERATIONS[operation][0] if operation in OPERATIONS else ""
        for part in parts:
            if isinstance(part, LazyArray) and part.shape != self.shape:
                raise ValueError(f"numbers of shapes {self.shape} and {part.shape}")
        wanted = tuple(
            self._mask(part) if kind == "m" else self._number(part)
            for part, kind in zip(parts, takes, strict=True)
        )
        return LazyArray(self.shape, operation, wanted, self._temporary)

    def _mask(self, part: LazyArray | float) -> LazyArray:
        if not isinstance(part, LazyArray) or not part.is_mask:
            raise TypeError("there are numbers in the place of a mask")
        return part

    def _number(self, part: LazyArray | float) -> LazyArray:
        if not isinstance(part, LazyArray):
            return LazyArray(self.shape, "number", (float(part),), self._temporary)
        return part._make("where", part, 1.0, 0.0) if part.is_mask else part


class _Builder:
    """The steps of an expression, each part once."""

    def __init__(self) -> None:
        self.steps: list[tuple[Any, ...]] = []
        self.leaves: list[ArraySource] = []
        self._places: dict[int, int] = {}
        self._known: dict[Any, int] = {}

    def add(self, root: LazyArray) -> None:
        """Parts before what they're part of; without recursion, because expressions can be deep."""
        todo = [root]
        while todo:
            part = todo[-1]
            missing = [
                each for each in part._parts if isinstance(each, LazyArray) and id(each) not in self._places
            ]
            if missing:
                todo.extend(reversed(missing))
                continue
            todo.pop()
            self._places[id(part)] = self._place(part)

    def _place(self, part: LazyArray) -> int:
        step = (part._operation, *(self._taken(each) for each in part._parts))
        # Zeros of both signs are equal, but not the same.
        key = (*step, math.copysign(1.0, step[1])) if step[0] == "number" else step
        if key not in self._known:
            self._known[key] = len(self.steps)
            self.steps.append(step)
        return self._known[key]

    def _taken(self, part: Any) -> Any:
        if isinstance(part, LazyArray):
            return self._places[id(part)]
        if isinstance(part, ArraySource):
            if part not in self.leaves:
                self.leaves.append(part)
            return self.leaves.index(part)
        return part


def where(mask: LazyArray, one: LazyArray | float, other: LazyArray | float) -> LazyArray:
    """`one` where the mask is true, else `other`."""
    return mask._make("where", mask, one, other)


def minimum(one: LazyArray, other: LazyArray | float) -> LazyArray:
    """The lesser of two, element by element; a NaN if either is. Of equal ones, the second."""
    return one._make("min", one, other)


def maximum(one: LazyArray, other: LazyArray | float) -> LazyArray:
    """The greater of two, element by element; a NaN if either is. Of equal ones, the second."""
    return one._make("max", one, other)


def uniform(like: LazyArray, seed: int) -> LazyArray:
    """Random numbers in [0, 1), the same for a seed and a place on every machine (53 bits, counter-based).

    Args:
        like: Numbers of the same parameter.
        seed: Its lowest 64 bits count.
    """
    return LazyArray(like.shape, "uniform", (seed % (1 << 64),), like._temporary)


def leaf(of: ArraySource, temporary: Temporary) -> LazyArray:
    """The numbers of a value."""
    return LazyArray(of.shape, "input", (of,), temporary)


def whole(array: NDArray[Any], like: LazyArray) -> LazyArray:
    """Numbers that were computed as an array, outside of expressions: a result of these must be stored.

    Raises:
        ValueError: The array has another shape than `like`.
    """
    if array.shape != like.shape:
        raise ValueError(f"an array of shape {array.shape} for numbers of shape {like.shape}")
    return leaf(InMemory(array), like._temporary)


def given(array: NDArray[Any]) -> LazyArray:
    """Numbers of an array, for tests, and for those who use strategies as a library."""
    return leaf(InMemory(array), temporary_file)
