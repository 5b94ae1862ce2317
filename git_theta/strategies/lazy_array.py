"""Arrays that strategies compute with: lazy, so that a large parameter is never in memory as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from git_theta.model.strided import Temporary, scratch_memory, temporary_file
from git_theta.strategies.array_sources import ArraySource, InMemory
from git_theta.updates.program import OPERATIONS, Program
from git_theta.updates.program_machine import evaluate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class LazyArray:
    """A float64 array of one parameter, or a boolean mask over it, as an expression that isn't evaluated yet.

    Operations on two arrays are element-wise operations of IEEE 754, with the same bits on every machine.
    Reductions, which give a `float`, are computed at once, block by block. No value raises or warns: zero
    divided by zero is a NaN.

    Attributes:
        shape: Shape of the parameter; complex numbers are pairs along an additional last axis.
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

    # Element-wise operations; a plain float is broadcast.

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
        """The square root; NaN for a negative number."""
        return self._make("sqrt", self)

    def sign(self) -> LazyArray:
        """1, -1 or 0; NaN for a NaN."""
        return self._make("sign", self)

    # Comparisons give masks, for & | ~ and `where`; in arithmetic a mask is 1.0 and 0.0. A comparison with a
    # NaN is false.

    def __lt__(self, other: LazyArray | float) -> LazyArray:
        return self._make("lt", self, other)

    def __le__(self, other: LazyArray | float) -> LazyArray:
        return self._make("le", self, other)

    def __gt__(self, other: LazyArray | float) -> LazyArray:
        return self._make("gt", self, other)

    def __ge__(self, other: LazyArray | float) -> LazyArray:
        return self._make("ge", self, other)

    def equals(self, other: LazyArray | float) -> LazyArray:
        """A mask of the elements that are equal."""
        return self._make("eq", self, other)

    def __and__(self, other: LazyArray) -> LazyArray:
        return self._make("and", self, other)

    def __or__(self, other: LazyArray) -> LazyArray:
        return self._make("or", self, other)

    def __invert__(self) -> LazyArray:
        return self._make("not", self)

    # Reductions, computed at once.

    def sum(self) -> float:
        """The sum of all elements; of a mask, the number of true elements."""
        import numpy as np

        total = 0.0
        with np.errstate(all="ignore"):
            for block in self._blocks_again():
                total += float(block.sum())
        return total

    def dot(self, other: LazyArray) -> float:
        """The sum of the element-wise products, accumulated in float64."""
        return (self * other).sum()

    def norm(self) -> float:
        """The Euclidean norm."""
        return math.sqrt(self.dot(self))

    def max(self) -> float:
        """The maximum; NaN if an element is NaN, minus infinity for an empty array."""
        import numpy as np

        maxima = [float(block.max()) for block in self._blocks_again()]
        return float(np.max(maxima, initial=-math.inf))

    def top_k(self, k: int) -> LazyArray:
        """A mask of the `k` largest elements, exactly `k`; of equal elements, the first in C order.

        NaN is less than every number. With fewer than `k` elements, the mask is true everywhere.
        """
        import numpy as np

        k = max(0, min(k, self.count))
        index = self._make("index")
        if k == 0:
            return index < 0.0
        if k == self.count:
            return index >= 0.0
        values = self._flat()
        count = 0
        for block in self._blocks_again():
            numbers = block[~np.isnan(block)]
            values[count : count + len(numbers)] = numbers
            count += len(numbers)
        if k > count:
            not_nan = self.equals(self)
            return not_nan | (~not_nan & (index <= (~not_nan)._index_of(k - count)))
        values = values[:count]
        values.partition(count - k)
        limit = float(values[count - k])
        equal = k - int(np.count_nonzero(values[count - k :] > limit))
        if equal == np.count_nonzero(values == limit):
            return self >= limit
        ties = self.equals(limit)
        return (self > limit) | (ties & (index <= ties._index_of(equal)))

    def _index_of(self, nth: int) -> int:
        """The flat index of the nth true element of a mask, n from 1."""
        import numpy as np

        start = 0
        for block in self._blocks_again():
            found = int(np.count_nonzero(block))
            if found >= nth:
                return start + int(np.flatnonzero(block)[nth - 1])
            nth -= found
            start += len(block)
        raise ValueError("too few elements of the mask are true")

    # Evaluation.

    def array(self) -> NDArray[np.float64]:
        """The array, of the parameter's shape, in new memory; if it's large, in a mapped temporary file."""
        values = self._flat()
        position = 0
        for block in self._blocks_again():
            values[position : position + len(block)] = block
            position += len(block)
        return values.reshape(self.shape)

    def blocks(self) -> Iterator[NDArray[Any]]:
        """The elements in C order as flat arrays, each valid until the next one is asked for.

        The dtype is float64, or bool for a mask.
        """
        return evaluate_sources(*self.program(), self.count)

    def program(self) -> tuple[Program, tuple[ArraySource, ...]]:
        """The program that computes the array, and its inputs in order."""
        builder = _ProgramBuilder()
        builder.add(self)
        return Program(tuple(builder.steps)), tuple(builder.sources)

    def _blocks_again(self) -> Iterator[NDArray[Any]]:
        """As `blocks`, of sources that are read several times and so are cached first."""
        program, sources = self.program()
        for source in sources:
            source.cache()
        return evaluate_sources(program, sources, self.count)

    def _flat(self) -> NDArray[np.float64]:
        import numpy as np

        return np.frombuffer(scratch_memory(8 * self.count, self._temporary), np.float64)

    def _make(self, operation: str, *parts: LazyArray | float) -> LazyArray:
        """An operation on arrays of this shape; a mask becomes 1.0 and 0.0 if the operation takes numbers."""
        takes = OPERATIONS[operation][0] if operation in OPERATIONS else ""
        for part in parts:
            if isinstance(part, LazyArray) and part.shape != self.shape:
                raise ValueError(f"arrays of shapes {self.shape} and {part.shape}")
        operands = tuple(
            self._as_mask(part) if kind == "m" else self._as_numbers(part)
            for part, kind in zip(parts, takes, strict=True)
        )
        return LazyArray(self.shape, operation, operands, self._temporary)

    def _as_mask(self, part: LazyArray | float) -> LazyArray:
        if not isinstance(part, LazyArray) or not part.is_mask:
            raise TypeError("an array of numbers is given instead of a mask")
        return part

    def _as_numbers(self, part: LazyArray | float) -> LazyArray:
        if not isinstance(part, LazyArray):
            return LazyArray(self.shape, "number", (float(part),), self._temporary)
        return part._make("where", part, 1.0, 0.0) if part.is_mask else part


class _ProgramBuilder:
    """The steps of an expression. Equal parts become one step."""

    def __init__(self) -> None:
        self.steps: list[tuple[Any, ...]] = []
        self.sources: list[ArraySource] = []
        self._step_of_part: dict[int, int] = {}
        self._step_of_key: dict[Any, int] = {}

    def add(self, root: LazyArray) -> None:
        """Add the steps of all parts, then the last one; not recursively, because expressions can be deep."""
        todo = [root]
        while todo:
            part = todo[-1]
            missing = [
                each
                for each in part._parts
                if isinstance(each, LazyArray) and id(each) not in self._step_of_part
            ]
            if missing:
                todo.extend(reversed(missing))
                continue
            todo.pop()
            self._step_of_part[id(part)] = self._step(part)

    def _step(self, part: LazyArray) -> int:
        step = (part._operation, *(self._operand(each) for each in part._parts))
        # 0.0 and -0.0 are equal, and different constants.
        key = (*step, math.copysign(1.0, step[1])) if step[0] == "number" else step
        if key not in self._step_of_key:
            self._step_of_key[key] = len(self.steps)
            self.steps.append(step)
        return self._step_of_key[key]

    def _operand(self, part: Any) -> Any:
        if isinstance(part, LazyArray):
            return self._step_of_part[id(part)]
        if isinstance(part, ArraySource):
            if part not in self.sources:
                self.sources.append(part)
            return self.sources.index(part)
        return part


def evaluate_sources(program: Program, sources: Sequence[ArraySource], count: int) -> Iterator[NDArray[Any]]:
    """The results of a program as flat arrays, each valid until the next one is asked for.

    Args:
        program: The program.
        sources: Its inputs, in order.
        count: Number of elements of each input.
    """
    size = program.block
    return evaluate(program, [source.blocks(size) for source in sources], count, size)


def where(mask: LazyArray, one: LazyArray | float, other: LazyArray | float) -> LazyArray:
    """`one` where the mask is true, else `other`."""
    return mask._make("where", mask, one, other)


def minimum(one: LazyArray, other: LazyArray | float) -> LazyArray:
    """The element-wise minimum; NaN if either is NaN. Of equal elements, such as 0.0 and -0.0, the second."""
    return one._make("min", one, other)


def maximum(one: LazyArray, other: LazyArray | float) -> LazyArray:
    """The element-wise maximum; NaN if either is NaN. Of equal elements, such as 0.0 and -0.0, the second."""
    return one._make("max", one, other)


def uniform(like: LazyArray, seed: int) -> LazyArray:
    """Random numbers in [0, 1) of 53 bits; each depends on the seed and the element's flat index alone.

    Args:
        like: An array of the same parameter.
        seed: The lowest 64 bits count.
    """
    return LazyArray(like.shape, "uniform", (seed % (1 << 64),), like._temporary)


def from_source(source: ArraySource, temporary: Temporary) -> LazyArray:
    """The array of a source.

    Args:
        source: Where the numbers are.
        temporary: Makes a descriptor of an unlinked temporary file, for results that are too large for
            memory.
    """
    return LazyArray(source.shape, "input", (source,), temporary)


def from_array(array: NDArray[Any], like: LazyArray | None = None) -> LazyArray:
    """A lazy array of numbers in memory. A merged value that is computed from it has no recipe.

    Args:
        array: Floats of any dtype.
        like: An array of the same parameter; `None` in a test, or for use as a library.

    Raises:
        ValueError: The array has another shape than `like`.
    """
    if like is None:
        return from_source(InMemory(array), temporary_file)
    if array.shape != like.shape:
        raise ValueError(f"an array of shape {array.shape} for a parameter of shape {like.shape}")
    return from_source(InMemory(array), like._temporary)
