from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from git_theta.errors import UsageError
from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import from_array
from git_theta.strategies.linear import Linear, LinearOptions
from git_theta.strategies.task_arithmetic import TaskArithmetic, TaskArithmeticOptions

finite = arrays.arrays("f4", 6, elements=st.floats(-(2.0**99), 2.0**99, width=32))


def merged(strategy: Any, options: Any, base: NDArray[Any], *models: NDArray[Any]) -> NDArray[np.float64]:
    case = Case("w", tuple(map(from_array, models)), from_array(base))
    result: NDArray[np.float64] = strategy.merge(case, options).array()
    return result


@given(x=finite)
def test_equal_models_give_themselves(x: NDArray[np.float32]) -> None:
    assert (merged(Linear(), LinearOptions(), x, x, x).astype("f4") == x).all()
    assert (merged(TaskArithmetic(), TaskArithmeticOptions(), x, x, x) == x).all()


@given(x=finite, y=finite, base=finite)
def test_swapping_sides_mirrors(
    x: NDArray[np.float32], y: NDArray[np.float32], base: NDArray[np.float32]
) -> None:
    for strategy, kind in ((Linear(), LinearOptions), (TaskArithmetic(), TaskArithmeticOptions)):
        one = merged(strategy, kind(weights=(0.25, 0.7)), base, x, y)
        assert (one == merged(strategy, kind(weights=(0.7, 0.25)), base, y, x)).all()


@given(x=finite)
def test_one_change_is_taken_as_it_is(x: NDArray[np.float32]) -> None:
    base = np.round(x / 2)
    got = merged(TaskArithmetic(), TaskArithmeticOptions(), base, x).astype("f4")
    assert (got == x).all()


def test_sums() -> None:
    base, ours, theirs = (np.full(2, each, "f4") for each in (1, 3, 9))
    both = (base, ours, theirs)
    assert merged(Linear(), LinearOptions(), *both).tolist() == [6] * 2
    assert merged(Linear(), LinearOptions((1, 3)), *both).tolist() == [7.5] * 2
    assert merged(Linear(), LinearOptions((1, 3), normalize=False), *both).tolist() == [30] * 2
    task = TaskArithmeticOptions
    assert merged(TaskArithmetic(), task(), *both).tolist() == [11] * 2
    assert merged(TaskArithmetic(), task(scale=0.5), *both).tolist() == [6] * 2
    assert merged(TaskArithmetic(), task((1, -1)), *both).tolist() == [-5] * 2
    assert merged(TaskArithmetic(), task((1, 3), 2.0, normalize=True), *both).tolist() == [14] * 2


def test_weights_that_make_no_sense() -> None:
    x = np.ones(2, "f4")
    for strategy, kind in ((Linear(), LinearOptions), (TaskArithmetic(), TaskArithmeticOptions)):
        with pytest.raises(UsageError, match="1 weights are given for 2 models"):
            merged(strategy, kind(weights=(1.0,)), x, x, x)
        with pytest.raises(UsageError, match="zero"):
            merged(strategy, kind(weights=(1.0, -1.0), normalize=True), x, x, x)
    with pytest.raises(UsageError, match="no base"):
        TaskArithmetic().merge(Case("w", (from_array(x),)), TaskArithmeticOptions())
