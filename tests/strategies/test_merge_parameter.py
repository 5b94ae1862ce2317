from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.errors import UsageError
from git_theta.model.strided import temporary_file
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.average import Average
from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray, from_array
from git_theta.strategies.merge_parameter import MergedParameter, ParameterInputs, merge_parameter
from git_theta.strategies.take_side import TakeBase, TakeOurs, TakeTheirs
from git_theta.strategies.task_arithmetic import TaskArithmetic
from git_theta.updates.base import Input
from git_theta.updates.recipe import Recipe


class Given(Strategy):
    """A strategy that is a function."""

    name = "given"
    max_models = 3

    def __init__(self, function: Callable[[Case], LazyArray]) -> None:
        self._function = function

    def merge(self, case: Case, options: Any) -> LazyArray:
        return self._function(case)


def value(data: bytes) -> Input:
    return lambda _nbytes: (memoryview(data)[at : at + 1001] for at in range(0, len(data), 1001))


def merged(
    strategy: Any,
    models: Sequence[NDArray[Any]],
    base: NDArray[Any] | None = None,
    side_inputs: Sequence[NDArray[Any]] = (),
    dtype: str = "F32",
) -> MergedParameter:
    shape = models[0].shape
    inputs = ParameterInputs(
        "w",
        TensorSpec(dtype, shape),
        [value(each.tobytes()) for each in models],
        None if base is None else value(base.tobytes()),
        [(TensorSpec("F32", each.shape), value(each.tobytes())) for each in side_inputs],
    )
    return merge_parameter(strategy, strategy.options(), inputs, temporary_file)


def read(result: MergedParameter) -> bytes:
    return b"".join(map(bytes, result.value()))


def normal(seed: int, *shape: int) -> NDArray[Any]:
    return np.random.default_rng(seed).normal(size=shape or 50_001).astype("f4")


def test_a_recipe_gives_the_value() -> None:
    arrays = [normal(0), normal(1), normal(2)]
    result = merged(TaskArithmetic(), arrays[:2], arrays[2])
    assert result.has_nan is None
    expected = read(result)
    assert result.has_nan is False
    assert read(result) == expected
    recipe = result.recipe()
    assert recipe is not None
    payload, places = recipe
    assert sorted(places) == [0, 1, 2]
    inputs = [value(arrays[place].tobytes()) for place in places]
    assert b"".join(map(bytes, Recipe().decode(memoryview(payload), inputs, len(expected)))) == expected


def test_parameters_of_a_merge_share_a_payload() -> None:
    one = merged(Average(), [normal(0, 3), normal(1, 3)]).recipe()
    assert one == merged(Average(), [normal(2, 4, 5), normal(3, 4, 5)]).recipe()


def test_a_recipe_has_only_inputs_that_count() -> None:
    result = merged(Given(lambda case: case.models[2] * 2), [normal(0), normal(1), normal(2)], normal(3))
    recipe = result.recipe()
    assert recipe is not None
    assert recipe[1] == (2,)


def test_the_value_of_one_side_is_known_as_such() -> None:
    arrays = [normal(0), normal(1), normal(2)]
    for place, strategy in enumerate([TakeOurs(), TakeTheirs(), TakeBase()]):
        result = merged(strategy, arrays[:2], arrays[2])
        assert result.equal_input() == place
        assert read(result) == arrays[place].tobytes()
    assert merged(Average(), arrays[:2]).equal_input() is None


def test_arrays_in_memory_and_side_inputs_have_no_recipe() -> None:
    models = [normal(0, 5), normal(1, 5)]
    own = merged(Given(lambda case: from_array(np.arange(5.0), case.models[0]) + case.models[0]), models)
    assert own.recipe() is None
    assert read(own) == (np.arange(5) + models[0].astype("f8")).astype("f4").tobytes()
    side_inputs = merged(Given(lambda case: case.models[0] * case.side_inputs[1]), models, side_inputs=models)
    assert side_inputs.recipe() is None
    assert side_inputs.equal_input() is None
    assert read(side_inputs) == (models[0].astype("f8") * models[1]).astype("f4").tobytes()


def test_a_mask_becomes_numbers() -> None:
    result = merged(Given(lambda case: case.models[0] > 0), [normal(0, 50)])
    assert read(result) == (normal(0, 50) > 0).astype("f4").tobytes()
    assert result.recipe() is not None


def test_a_program_that_is_too_long_is_not_stored() -> None:
    def grow(case: Case) -> LazyArray:
        result = case.models[0]
        for step in range(10_001):
            result = result + (step + 0.5)
        return result

    assert merged(Given(grow), [normal(0, 2)]).recipe() is None


@pytest.mark.parametrize("place", [0, 49_999])
def test_nans_are_noticed(place: int) -> None:
    array = normal(0)
    array[place] = np.inf
    result = merged(Given(lambda case: case.models[0] - case.models[0]), [array])
    read(result)
    assert result.has_nan
    kept = merged(Given(lambda case: case.models[0] + 0), [array])
    read(kept)
    assert kept.has_nan is False


def test_a_nan_in_the_place_of_infinity_is_noticed() -> None:
    words = np.full(3, 0x7E, np.uint8)
    result = merged(Given(lambda case: case.models[0] * 2), [words], dtype="F8_E4M3")
    assert set(read(result)) == {0x7F}
    assert result.has_nan


def test_an_empty_parameter_is_merged() -> None:
    result = merged(Average(), [normal(0, 0, 3), normal(0, 0, 3)])
    assert read(result) == b""
    assert result.has_nan is False


def test_what_cannot_be_merged_is_refused() -> None:
    models = [normal(0, 5), normal(1, 5)]
    with pytest.raises(UsageError, match="I32"):
        merged(Average(), models, dtype="I32")
    with pytest.raises(UsageError, match="base"):
        merged(TaskArithmetic(), models)
    with pytest.raises(UsageError, match="3 models at most"):
        merged(Given(lambda case: case.models[0]), [*models, *models])
    with pytest.raises(UsageError, match="shape"):
        merged(Given(lambda case: dataclasses.replace(case.models[0], shape=(4,))), models)
