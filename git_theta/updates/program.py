"""Programs: element-wise arithmetic on values, as data; the same bits on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from git_theta.errors import CorruptError
from git_theta.updates.rounding import round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: An operation and its operands: indices of earlier instructions.
Instruction = tuple[Any, ...]

#: Largest number of instructions: more than any merge needs.
MAX_INSTRUCTIONS = 10_000

#: Kinds of the operands and of the result of each operation: numbers (`n`) or masks (`m`).
OPERATIONS = {
    "add": ("nn", "n"),
    "sub": ("nn", "n"),
    "mul": ("nn", "n"),
    "div": ("nn", "n"),
    "min": ("nn", "n"),
    "max": ("nn", "n"),
    "neg": ("n", "n"),
    "abs": ("n", "n"),
    "sqrt": ("n", "n"),
    "sign": ("n", "n"),
    "lt": ("nn", "m"),
    "le": ("nn", "m"),
    "gt": ("nn", "m"),
    "ge": ("nn", "m"),
    "eq": ("nn", "m"),
    "and": ("mm", "m"),
    "or": ("mm", "m"),
    "not": ("m", "m"),
    "where": ("mnn", "n"),
}

#: Dtypes that a number may be rounded to on the way.
ROUNDED = ("F32", "BF16", "F16")

#: Elements of a block: they stay in a core's cache, and numpy's calls cost little.
_BLOCK = 1 << 15

#: Bytes of intermediate results that blocks are made smaller for, down to the smallest block.
_MEMORY = 32 << 20
_MIN_BLOCK = 1 << 8


#: Work for each element, of operations that take longer or less long than the others.
_WORK = {
    "number": 0,
    "input": 0,
    "uniform": 16,
    "sqrt": 4,
    "sign": 4,
    "min": 4,
    "max": 4,
    "where": 4,
    "round": 16,
}

#: Work for the call of an operation, however few the elements; as much is for reading it.
_CALL_WORK = 1500


@dataclass(frozen=True)
class Program:
    """Instructions in order; the result of the last one is the program's.

    An instruction is an operation of `OPERATIONS` with the indices of its operands, or one of
    `("input", index)`, `("number", float)`, `("index",)`, `("uniform", seed)`, and `("round", dtype, index)`.
    """

    steps: tuple[Instruction, ...]

    @classmethod
    def parse(cls, field: Any) -> Program:
        """The program in a payload's header.

        Raises:
            CorruptError: The field isn't a valid program, or its result is a mask.
        """
        if not isinstance(field, list) or not 0 < len(field) <= MAX_INSTRUCTIONS:
            raise CorruptError("the payload has no program")
        kinds = ""
        for step in field:
            kinds += _kind(step, kinds)
        program = cls(tuple(tuple(step) for step in field))
        if kinds[-1] != "n":
            raise CorruptError("the payload's program gives a mask")
        if {step[1] for step in program.steps if step[0] == "input"} != set(range(program.inputs)):
            raise CorruptError("the payload's program leaves out an input")
        return program

    def field(self) -> list[list[Any]]:
        """The form of a payload's header; the inverse of `parse`."""
        return [list(step) for step in self.steps]

    @cached_property
    def inputs(self) -> int:
        """Number of inputs."""
        return 1 + max((step[1] for step in self.steps if step[0] == "input"), default=-1)

    def operands(self, step: Instruction) -> tuple[int, ...]:
        """Indices of the instructions that an instruction takes as operands."""
        if step[0] == "round":
            return step[2:]
        return step[1:] if step[0] in OPERATIONS else ()

    @cached_property
    def last_uses(self) -> list[list[int]]:
        """For each instruction, the results that are used by it for the last time."""
        last_uses: list[list[int]] = [[] for _ in self.steps]
        seen: set[int] = {len(self.steps) - 1}
        for place in range(len(self.steps) - 1, -1, -1):
            for taken in (*self.operands(self.steps[place]), place):
                if taken not in seen:
                    seen.add(taken)
                    last_uses[place].append(taken)
        return last_uses

    @property
    def block(self) -> int:
        """Number of elements of a block, a power of two."""
        block = _BLOCK
        while block > _MIN_BLOCK and block * 8 * self._live > _MEMORY:
            block //= 2
        return block

    def work(self, count: int) -> int:
        """The work of `count` elements, as in `Demand`."""
        steps = sum(_WORK.get(step[0], 1) for step in self.steps)
        blocks = -(-count // self.block)
        return steps * count + len(self.steps) * (blocks + 1) * _CALL_WORK

    def memory(self, count: int) -> int:
        """Bytes of the numbers that are held at once for `count` elements."""
        return 8 * self._live * min(self.block, count)

    @cached_property
    def _live(self) -> int:
        """The largest number of results that are used later, and the inputs."""
        live = most = 0
        for done in self.last_uses:
            live += 1
            most = max(most, live)
            live -= len(done)
        return most + self.inputs


def _kind(step: Any, before: str) -> str:
    """The kind of an instruction's result.

    Args:
        step: The instruction.
        before: Kinds of the results of the instructions before it.

    Raises:
        CorruptError: The instruction isn't valid there.
    """
    match step:
        case ["input", int(place)] if type(place) is int and 0 <= place < MAX_INSTRUCTIONS:
            return "n"
        case ["number", float()] | ["index"]:
            return "n"
        case ["uniform", int(seed)] if type(seed) is int and 0 <= seed < 1 << 64:
            return "n"
        case ["round", str(dtype), int(place)] if (
            dtype in ROUNDED and type(place) is int and 0 <= place < len(before) and before[place] == "n"
        ):
            return "n"
        case [str(name), *taken] if name in OPERATIONS:
            takes, gives = OPERATIONS[name]
            known = all(type(place) is int and 0 <= place < len(before) for place in taken)
            if known and "".join(before[place] for place in taken) == takes:
                return gives
    raise CorruptError(f"the payload's program has no valid step {len(before)}")


def evaluate(
    program: Program, inputs: Sequence[Iterator[NDArray[np.float64]]], count: int, block: int
) -> Iterator[NDArray[Any]]:
    """The results as float64, flat, block by block; each array is valid until the next is asked for.

    Args:
        program: The program.
        inputs: The elements of each input, in blocks; the arrays aren't written to.
        count: Number of elements of each input.
        block: Elements of a block but the last.
    """
    machine = _Machine(program)
    for start in range(0, count, block):
        size = min(block, count - start)
        yield machine.run([next(numbers) for numbers in inputs], start, size)


class _Machine:
    """Runs a program block by block, in reused buffers."""

    def __init__(self, program: Program) -> None:
        self._steps = list(zip(program.steps, program.last_uses, strict=True))
        self._free: list[NDArray[np.float64]] = []
        self._size = -1

    def run(self, inputs: Sequence[NDArray[np.float64]], start: int, size: int) -> NDArray[Any]:
        """The results of `size` elements from index `start` on."""
        import numpy as np

        if size != self._size:
            self._free, self._size = [], size
        values: list[Any] = []
        own: dict[int, NDArray[np.float64]] = {}
        with np.errstate(all="ignore"):
            for place, ((name, *taken), done) in enumerate(self._steps):
                if name == "input":
                    values.append(inputs[taken[0]])
                elif name == "number":
                    values.append(taken[0])
                elif name in _MASKS:
                    values.append(_MASKS[name](*(values[at] for at in taken)))
                else:
                    own[place] = out = self._free.pop() if self._free else np.empty(size)
                    if name == "round":
                        _round(out, taken[0], values[taken[1]])
                    elif name in OPERATIONS:
                        _NUMBERS[name](out, *(values[at] for at in taken))
                    else:
                        _GENERATORS[name](out, start, *taken)
                    values.append(out)
                for at in done:
                    values[at] = None
                    if at in own:
                        self._free.append(own.pop(at))
        # The result's buffer is free again when the next block is asked for.
        self._free.extend(own.values())
        return np.broadcast_to(values[-1], (size,))


def _ufunc(name: str) -> Callable[..., None]:
    def apply(out: NDArray[np.float64], *taken: Any) -> None:
        import numpy as np

        getattr(np, name)(*taken, out=out)

    return apply


def _mask(name: str) -> Callable[..., Any]:
    def apply(*taken: Any) -> Any:
        import numpy as np

        return getattr(np, name)(*taken)

    return apply


def _where(out: NDArray[np.float64], mask: Any, one: Any, other: Any) -> None:
    import numpy as np

    np.copyto(out, other)
    np.copyto(out, one, where=mask)


def _sign(out: NDArray[np.float64], of: Any) -> None:
    """1, -1, or positive zero; NaN for a NaN."""
    import numpy as np

    np.sign(of, out=out)
    np.add(out, 0.0, out=out)


def _min(out: NDArray[np.float64], one: Any, other: Any) -> None:
    """The first operand if it's less or NaN, else the second; `np.minimum` may give zeros of either sign."""
    import numpy as np

    _where(out, np.less(one, other) | np.not_equal(one, one), one, other)


def _max(out: NDArray[np.float64], one: Any, other: Any) -> None:
    """The first operand if it's greater or NaN, else the second."""
    import numpy as np

    _where(out, np.greater(one, other) | np.not_equal(one, one), one, other)


def _round(out: NDArray[np.float64], dtype: str, number: Any) -> None:
    """The nearest number of a dtype, ties to even; of `BF16` by way of float32."""
    import numpy as np

    np.copyto(out, widen(round_to(np.atleast_1d(number), dtype), dtype))


def _index(out: NDArray[np.float64], start: int) -> None:
    """The index of each element in C order."""
    import numpy as np

    out[...] = np.arange(start, start + len(out), dtype=np.float64)


def _uniform(out: NDArray[np.float64], start: int, seed: int) -> None:
    """Uniform random numbers in [0, 1): SplitMix64 from a mixed seed by index, its top 53 bits."""
    import numpy as np

    first = _mixed(np.array([seed], np.uint64))
    # Parts are so small that the C library serves intermediate results without fresh pages of the kernel.
    for at in range(0, len(out), _UNIFORM_PART):
        part = out[at : at + _UNIFORM_PART]
        state = np.arange(start + at + 1, start + at + 1 + len(part), dtype=np.uint64)
        state *= np.uint64(_GAMMA)
        state += first
        np.multiply(_mixed(state) >> np.uint64(11), 2.0**-53, out=part)


_UNIFORM_PART = 1 << 13
_GAMMA = 0x9E3779B97F4A7C15


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64, in place."""
    import numpy as np

    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


_NUMBERS: dict[str, Callable[..., None]] = {
    "add": _ufunc("add"),
    "sub": _ufunc("subtract"),
    "mul": _ufunc("multiply"),
    "div": _ufunc("divide"),
    "min": _min,
    "max": _max,
    "neg": _ufunc("negative"),
    "abs": _ufunc("absolute"),
    "sqrt": _ufunc("sqrt"),
    "sign": _sign,
    "where": _where,
}
_MASKS: dict[str, Callable[..., Any]] = {
    "lt": _mask("less"),
    "le": _mask("less_equal"),
    "gt": _mask("greater"),
    "ge": _mask("greater_equal"),
    "eq": _mask("equal"),
    "and": _mask("logical_and"),
    "or": _mask("logical_or"),
    "not": _mask("logical_not"),
}
_GENERATORS: dict[str, Callable[..., None]] = {"index": _index, "uniform": _uniform}
