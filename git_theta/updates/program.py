"""Programs: arithmetic on the elements of values, as data; the same bits on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from git_theta.errors import CorruptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: One instruction: its operation and what that takes, which are indices of earlier instructions.
Instruction = tuple[Any, ...]

#: More steps than any merge needs.
MOST_STEPS = 10_000

#: What operations take and give: numbers (`n`) or masks (`m`).
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

#: Elements that are computed at a time: they stay in a core's cache, and numpy's calls cost little.
_BLOCK = 1 << 15

#: Bytes of intermediate results, unless a block of the smallest size takes more.
_MEMORY = 32 << 20
_SMALLEST = 1 << 8


@dataclass(frozen=True, slots=True)
class Program:
    """Steps in order, the last of which is the result.

    A step is an operation of `OPERATIONS` with the indices of the steps that it takes, or one of
    `("input", index)`, `("number", float)`, `("index",)`, and `("uniform", seed)`.
    """

    steps: tuple[Instruction, ...]

    @classmethod
    def parse(cls, field: Any) -> Program:
        """The program of a msgpack value.

        Raises:
            CorruptError: It isn't one, or its result isn't numbers.
        """
        if not isinstance(field, list) or not 0 < len(field) <= MOST_STEPS:
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
        """What `parse` takes."""
        return [list(step) for step in self.steps]

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return 1 + max((step[1] for step in self.steps if step[0] == "input"), default=-1)

    def takes(self, step: Instruction) -> tuple[int, ...]:
        """The steps that one takes the results of."""
        return step[1:] if step[0] in OPERATIONS else ()

    def lasts(self) -> list[list[int]]:
        """For each step, the results that nothing after it takes."""
        lasts: list[list[int]] = [[] for _ in self.steps]
        seen: set[int] = {len(self.steps) - 1}
        for place in range(len(self.steps) - 1, -1, -1):
            for taken in (*self.takes(self.steps[place]), place):
                if taken not in seen:
                    seen.add(taken)
                    lasts[place].append(taken)
        return lasts

    @property
    def block(self) -> int:
        """Number of elements to compute at a time, a power of two."""
        live = most = 0
        for done in self.lasts():
            live += 1
            most = max(most, live)
            live -= len(done)
        block = _BLOCK
        while block > _SMALLEST and block * 8 * (most + self.inputs) > _MEMORY:
            block //= 2
        return block


def _kind(step: Any, before: str) -> str:
    """What a step gives, if it follows those that give `before`."""
    match step:
        case ["input", int(place)] if type(place) is int and 0 <= place < MOST_STEPS:
            return "n"
        case ["number", float()] | ["index"]:
            return "n"
        case ["uniform", int(seed)] if type(seed) is int and 0 <= seed < 1 << 64:
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
    """The results, flat; each array is valid until the next is asked for.

    Args:
        program: What to compute.
        inputs: The numbers of each input, `block` at a time. They're not written to.
        count: Number of elements.
        block: How many are computed at a time.
    """
    machine = _Machine(program)
    for start in range(0, count, block):
        size = min(block, count - start)
        yield machine.run([next(numbers) for numbers in inputs], start, size)


class _Machine:
    """Runs a program block by block, in the same buffers."""

    def __init__(self, program: Program) -> None:
        self._steps = list(zip(program.steps, program.lasts(), strict=True))
        self._free: list[NDArray[np.float64]] = []
        self._size = -1

    def run(self, inputs: Sequence[NDArray[np.float64]], start: int, size: int) -> NDArray[Any]:
        """The results of `size` elements, the first of which is that of index `start`."""
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
                    if name in OPERATIONS:
                        _NUMBERS[name](out, *(values[at] for at in taken))
                    else:
                        _PLACES[name](out, start, *taken)
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
    """1, -1, or 0 without a sign; of a NaN, itself."""
    import numpy as np

    np.sign(of, out=out)
    np.add(out, 0.0, out=out)


def _min(out: NDArray[np.float64], one: Any, other: Any) -> None:
    """The first if it's less or a NaN, else the second: numpy's own has no fixed sign of a zero."""
    import numpy as np

    _where(out, np.less(one, other) | np.not_equal(one, one), one, other)


def _max(out: NDArray[np.float64], one: Any, other: Any) -> None:
    """The first if it's greater or a NaN, else the second."""
    import numpy as np

    _where(out, np.greater(one, other) | np.not_equal(one, one), one, other)


def _index(out: NDArray[np.float64], start: int) -> None:
    import numpy as np

    out[...] = np.arange(start, start + len(out), dtype=np.float64)


def _uniform(out: NDArray[np.float64], start: int, seed: int) -> None:
    """SplitMix64 from a mixed seed, by index; the top 53 bits as a fraction."""
    import numpy as np

    first = _mixed(np.array([seed], np.uint64))
    # In parts whose intermediate results the C library gets without asking the kernel for fresh pages.
    for at in range(0, len(out), _PART):
        part = out[at : at + _PART]
        state = np.arange(start + at + 1, start + at + 1 + len(part), dtype=np.uint64)
        state *= np.uint64(_GAMMA)
        state += first
        np.multiply(_mixed(state) >> np.uint64(11), 2.0**-53, out=part)


_PART = 1 << 13
_GAMMA = 0x9E3779B97F4A7C15


def _mixed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
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
_PLACES: dict[str, Callable[..., None]] = {"index": _index, "uniform": _uniform}
