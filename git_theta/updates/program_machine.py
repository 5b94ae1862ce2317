"""The evaluation of programs, block by block; it gives the same bits on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from git_theta.updates.program import OPERATIONS, Program
from git_theta.updates.rounding import round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Random numbers that are made at once.
_UNIFORM_PART = 1 << 13

#: The step of SplitMix64's state: 2^64 divided by the golden ratio.
_GAMMA = 0x9E3779B97F4A7C15


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
