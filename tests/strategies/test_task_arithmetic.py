from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from git_theta.errors import UsageError
from tests.helpers.merging import merge

finite = arrays.arrays("f4", 6, elements=st.floats(-(2.0**99), 2.0**99, width=32))


@given(x=finite)
def test_models_that_equal_the_base_give_the_base(x: NDArray[np.float32]) -> None:
    assert (merge("task-arithmetic", [x, x], x) == x).all()


@given(x=finite, y=finite, base=finite)
def test_swapping_sides_mirrors(
    x: NDArray[np.float32], y: NDArray[np.float32], base: NDArray[np.float32]
) -> None:
    one = merge("task-arithmetic", [x, y], base, weights=(0.25, 0.7))
    assert (one == merge("task-arithmetic", [y, x], base, weights=(0.7, 0.25))).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@given(data=st.data())
def test_an_element_that_only_one_model_changed_has_its_bits(dtype: str, data: st.DataObject) -> None:
    numbers = arrays.arrays(dtype, 6, elements=st.floats(width=32 if dtype == "f4" else 64, allow_nan=False))
    base, changed, by_theirs = data.draw(numbers), data.draw(numbers), data.draw(arrays.arrays("?", 6))
    ours, theirs = np.where(by_theirs, base, changed), np.where(by_theirs, changed, base)
    result = merge("task-arithmetic", [ours, theirs], base).astype(dtype)
    # 0.0 and -0.0 are equal: that's no change of theirs.
    expected = np.where(changed == base, ours, changed)
    assert result.tobytes() == expected.tobytes()


@given(x=finite)
def test_the_change_of_a_single_model_is_taken(x: NDArray[np.float32]) -> None:
    base = np.round(x / 2)
    assert (merge("task-arithmetic", [x], base).astype("f4") == x).all()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 11),
        ({"scale": 0.5}, 6),
        ({"weights": (1, -1)}, -5),
        ({"weights": (1, 3), "scale": 2.0, "normalize": True}, 14),
    ],
)
def test_weighted_sums_of_changes(options: dict[str, Any], expected: float) -> None:
    base, ours, theirs = (np.full(2, each, "f4") for each in (1, 3, 9))
    assert merge("task-arithmetic", [ours, theirs], base, **options).tolist() == [expected] * 2


def test_weights_and_the_base_are_checked() -> None:
    x = np.ones(2, "f4")
    with pytest.raises(UsageError, match="1 weights are given for 2 models"):
        merge("task-arithmetic", [x, x], x, weights=(1.0,))
    with pytest.raises(UsageError, match="zero"):
        merge("task-arithmetic", [x, x], x, weights=(1.0, -1.0), normalize=True)
    with pytest.raises(UsageError, match="no base"):
        merge("task-arithmetic", [x])
