"""One parameter of a merge: its value, and if possible the recipe that gives it without new bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from git_theta.errors import UsageError
from git_theta.model.strided import Temporary
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.array_sources import ArraySource, StoredTensor
from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray, leaf, where
from git_theta.updates.base import Input, Pieces
from git_theta.updates.program import MOST_STEPS
from git_theta.updates.recipe import Recipe
from git_theta.updates.rounding import COMPUTABLE, round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A program that gives its input.
_SAME = (("input", 0),)


class MergedParameter:
    """The merged value of one parameter; nothing but the strategy's reductions is computed yet.

    Attributes:
        has_nan: Whether the value has any NaN, whose bits may differ between machines; such a value must
            be stored as it is. `None` until all of `value()` has been read.
    """

    def __init__(self, result: LazyArray, dtype: str, leaves: Sequence[ArraySource]) -> None:
        self.has_nan: bool | None = None
        self._result = result
        self._dtype = dtype
        self._leaves = leaves

    def value(self) -> Pieces:
        """The bytes, in pieces, from the beginning each time; each is valid until the next is asked for."""
        found = False
        for numbers in self._result.pieces():
            words = round_to(numbers, self._dtype)
            found = found or _has_nan(numbers, words, self._dtype)
            yield words.data.cast("B")
        self.has_nan = found

    def recipe(self) -> tuple[bytes, tuple[int, ...]] | None:
        """A payload of the update `recipe` and its inputs, in order; `None` if only the bytes will do.

        An input is the index of a model; after the last model comes the base.
        """
        program, leaves = self._result.program()
        if len(program.steps) > MOST_STEPS or not set(leaves) <= set(self._leaves):
            return None
        places = tuple(self._leaves.index(each) for each in leaves)
        return Recipe().encode_with(program, self._dtype), places

    def same_as(self) -> int | None:
        """Which input the value is, if it's simply one of them; numbered as for `recipe`."""
        program, leaves = self._result.program()
        if program.steps != _SAME or leaves[0] not in self._leaves:
            return None
        return self._leaves.index(leaves[0])


def merge_parameter(
    strategy: Strategy,
    options: Any,
    name: str,
    spec: TensorSpec,
    models: Sequence[Input],
    base: Input | None,
    beside: Sequence[tuple[TensorSpec, Input]],
    temporary: Temporary,
) -> MergedParameter:
    """Merge one parameter.

    Args:
        strategy: How.
        options: Of the strategy.
        name: The parameter.
        spec: Its dtype and shape, in all models and the base.
        models: Its bytes in each model; ours first.
        base: Its bytes in the merge base; `None` if that doesn't have it.
        beside: For each model, what a file beside it has for the parameter; empty if there are no such files.
        temporary: Makes a descriptor of an unlinked temporary file, for values that are too large for memory.

    Raises:
        UsageError: The strategy can't merge such parameters, so many models, or without a base.
    """
    for each, _ in beside:
        if each.shape != spec.shape:
            shapes = f"{list(each.shape)}, not {list(spec.shape)}"
            raise UsageError(f"parameter {name!r}: in a file beside the models it has the shape {shapes}")
    for each in (spec, *(of for of, _ in beside)):
        if each.dtype not in COMPUTABLE:
            raise UsageError(f"parameter {name!r}: numbers of {each.dtype} can't be computed with")
    if strategy.needs_base and base is None:
        raise UsageError(f"parameter {name!r}: {strategy.name!r} needs a base, and there's none")
    if strategy.most is not None and len(models) > strategy.most:
        raise UsageError(f"{strategy.name!r} merges {strategy.most} models at most, not {len(models)}")
    stored = [StoredTensor(read, spec, temporary) for read in (*models, *([base] if base else []))]
    numbers = tuple(leaf(each, temporary) for each in stored)
    case = Case(
        name,
        numbers[: len(models)],
        numbers[-1] if base else None,
        tuple(leaf(StoredTensor(read, of, temporary), temporary) for of, read in beside),
    )
    result = strategy.merge(case, options)
    if result.shape != numbers[0].shape:
        raise UsageError(f"parameter {name!r}: {strategy.name!r} gives it another shape")
    return MergedParameter(where(result, 1.0, 0.0) if result.is_mask else result, spec.dtype, stored)


def _has_nan(numbers: NDArray[np.float64], words: NDArray[Any], dtype: str) -> bool:
    import numpy as np

    if dtype.startswith("F8"):
        # Some of these types have a NaN in the place of infinity.
        numbers = widen(words, dtype)
    with np.errstate(invalid="ignore"):
        return bool(np.isnan(numbers.min()))
