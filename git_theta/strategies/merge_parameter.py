"""Merge one parameter: its value, and if possible a recipe that gives the value without new bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from git_theta.errors import UsageError
from git_theta.model.strided import Temporary
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.array_sources import ArraySource, StoredTensor
from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray, evaluate_sources, from_source, where
from git_theta.strategies.positive_names import is_never_negative
from git_theta.updates.base import Input, Pieces
from git_theta.updates.program import MAX_INSTRUCTIONS
from git_theta.updates.recipe import Recipe
from git_theta.updates.rounding import COMPUTABLE, largest, round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The program whose value is its only input.
_IDENTITY = (("input", 0),)


@dataclass(frozen=True, slots=True)
class ParameterInputs:
    """The stored values of one parameter that a strategy is given.

    Attributes:
        name: Name of the parameter.
        spec: Dtype and shape, the same in all models and in the base.
        models: Bytes of the value in each model, ours first.
        base: Bytes of the value in the merge base; `None` if the parameter isn't there.
        side_inputs: For each model, dtype, shape and bytes of the parameter in the model's side file; empty
            if there are no side files.
        result_dtype: Dtype of the result; empty for that of the models. Recipes have no other.
    """

    name: str
    spec: TensorSpec
    models: Sequence[Input]
    base: Input | None = None
    side_inputs: Sequence[tuple[TensorSpec, Input]] = ()
    result_dtype: str = ""


@dataclass(frozen=True, slots=True)
class NonFinite:
    """Elements of a merged value that can't be right, and were so in no model.

    Attributes:
        name: Name of the parameter.
        spec: Its dtype and shape.
        nans: Elements that are NaN, and weren't in any model.
        infinities: Elements that are infinite, and weren't in any model.
        negatives: Elements of a variance that are negative, and weren't in any model.
    """

    name: str
    spec: TensorSpec
    nans: int
    infinities: int
    negatives: int = 0


class MergedParameter:
    """The merged value of one parameter. It isn't evaluated yet, but for the reductions of the strategy.

    Attributes:
        has_nan: Whether the value has a NaN, whose bits may differ between machines: such a value can't be
            stored as a recipe. `None` until all of `value()` has been read.
    """

    def __init__(self, result: LazyArray, inputs: ParameterInputs, sources: Sequence[ArraySource]) -> None:
        self.has_nan: bool | None = None
        self._all_finite = True
        self._any_negative = False
        self._program, self._used = result.program()
        self._result = result
        self._inputs = inputs
        self._dtype = inputs.result_dtype or inputs.spec.dtype
        self._sources = sources

    def value(self) -> Pieces:
        """The bytes from the beginning, in pieces; each is valid until the next one is asked for."""
        import numpy as np

        has_nan, limit = False, largest(self._dtype)
        variance = is_never_negative(self._inputs.name)
        for numbers in self._blocks():
            words = round_to(numbers, self._dtype)
            self._any_negative = self._any_negative or (variance and bool((numbers < 0).any()))
            if not _within(numbers, limit):
                wide = widen(words, self._dtype)
                has_nan = has_nan or bool(np.isnan(wide).any())
                self._all_finite = self._all_finite and bool(np.isfinite(wide).all())
            yield words.data.cast("B")
        self.has_nan = has_nan

    def non_finite(self) -> NonFinite | None:
        """The elements that can't be right and were so in no model; `None` if there are none.

        All of `value()` has been read before. Only then, and only if it has such elements, models are read.
        """
        import numpy as np

        if self._all_finite and not self._any_negative:
            return None
        models = self._sources[: len(self._inputs.models)]
        size = self._program.block
        nans = infinities = negatives = 0
        for numbers, *others in zip(self._blocks(), *(model.blocks(size) for model in models), strict=True):
            wide = widen(round_to(numbers, self._dtype), self._dtype)
            nans += _new(np.isnan(wide), map(np.isnan, others))
            infinities += _new(np.isinf(wide), map(np.isinf, others))
            if self._any_negative:
                negatives += _new(wide < 0, (other < 0 for other in others))
        name, spec = self._inputs.name, TensorSpec(self._dtype, self._inputs.spec.shape)
        return NonFinite(name, spec, nans, infinities, negatives) if nans or infinities or negatives else None

    def recipe(self) -> tuple[bytes, tuple[int, ...]] | None:
        """A payload of the update `recipe` and the indices of its inputs, in order.

        An index below the number of models is that of a model, the next one stands for the base. `None` if
        the value can't be computed from these alone, or not in few enough steps.
        """
        if len(self._program.steps) > MAX_INSTRUCTIONS or not set(self._used) <= set(self._sources):
            return None
        indices = tuple(self._sources.index(each) for each in self._used)
        return Recipe().encode_with(self._program, self._dtype), indices

    def equal_input(self) -> int | None:
        """The index of the input that the value is by construction, as in `recipe`; `None` if it's none."""
        if self._program.steps != _IDENTITY or self._used[0] not in self._sources:
            return None
        return self._sources.index(self._used[0])

    def _blocks(self) -> Iterator[NDArray[np.float64]]:
        return evaluate_sources(self._program, self._used, self._result.count)


def merge_parameter(
    strategy: Strategy, options: Any, inputs: ParameterInputs, temporary: Temporary
) -> MergedParameter:
    """Merge one parameter.

    Args:
        strategy: The strategy.
        options: An instance of the strategy's options.
        inputs: The parameter in all versions.
        temporary: Makes a descriptor of an unlinked temporary file, for values that are too large for memory.

    Raises:
        UsageError: The strategy can't merge values of this dtype, this number of models, or without a base.
    """
    _check(strategy, inputs)
    name, spec = inputs.name, inputs.spec
    stored = [StoredTensor(read, spec, temporary) for read in (*inputs.models, *_given(inputs.base))]
    arrays = tuple(from_source(each, temporary) for each in stored)
    side = (StoredTensor(read, of, temporary) for of, read in inputs.side_inputs)
    case = Case(
        name,
        arrays[: len(inputs.models)],
        arrays[-1] if inputs.base else None,
        tuple(from_source(each, temporary) for each in side),
    )
    result = strategy.merge(case, options)
    if result.shape != arrays[0].shape:
        raise UsageError(f"parameter {name!r}: {strategy.name!r} gives it another shape")
    return MergedParameter(where(result, 1.0, 0.0) if result.is_mask else result, inputs, stored)


def _check(strategy: Strategy, inputs: ParameterInputs) -> None:
    name, spec = inputs.name, inputs.spec
    for each, _ in inputs.side_inputs:
        if each.shape != spec.shape:
            shapes = f"{list(each.shape)}, not {list(spec.shape)}"
            raise UsageError(f"parameter {name!r}: in a file beside the models it has the shape {shapes}")
    for each in (spec, *(of for of, _ in inputs.side_inputs)):
        if each.dtype not in COMPUTABLE:
            raise UsageError(f"parameter {name!r}: numbers of {each.dtype} can't be computed with")
    if strategy.needs_base and inputs.base is None:
        raise UsageError(f"parameter {name!r}: {strategy.name!r} needs a base, and there's none")
    count, most = len(inputs.models), strategy.max_models
    if most is not None and count > most:
        raise UsageError(f"{strategy.name!r} merges {most} models at most, not {count}")


def _given(base: Input | None) -> tuple[Input, ...]:
    return (base,) if base else ()


def _within(numbers: NDArray[np.float64], limit: float) -> bool:
    """Whether all numbers have at most some size; not if one is NaN."""
    import numpy as np

    with np.errstate(invalid="ignore"):
        return bool(-limit <= numbers.min() and numbers.max() <= limit)


def _new(found: NDArray[np.bool_], models: Iterable[NDArray[np.bool_]]) -> int:
    """The number of elements that are marked in the result, and in no model."""
    import numpy as np

    new = found
    for each in models:
        new = new & ~each
    return int(np.count_nonzero(new))
