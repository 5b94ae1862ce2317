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
def test_equal_models_give_themselves(x: NDArray[np.float32]) -> None:
    assert (merge("linear", [x, x]).astype("f4") == x).all()


@given(x=finite, y=finite)
def test_swapping_sides_mirrors(x: NDArray[np.float32], y: NDArray[np.float32]) -> None:
    one = merge("linear", [x, y], weights=(0.25, 0.7))
    assert (one == merge("linear", [y, x], weights=(0.7, 0.25))).all()


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, 6), ({"weights": (1, 3)}, 7.5), ({"weights": (1, 3), "normalize": False}, 30)],
)
def test_weighted_sums(options: dict[str, Any], expected: float) -> None:
    ours, theirs = (np.full(2, each, "f4") for each in (3, 9))
    assert merge("linear", [ours, theirs], **options).tolist() == [expected] * 2


def test_weights_must_fit_the_models_and_must_not_sum_to_zero() -> None:
    x = np.ones(2, "f4")
    with pytest.raises(UsageError, match="1 weights are given for 2 models"):
        merge("linear", [x, x], weights=(1.0,))
    with pytest.raises(UsageError, match="zero"):
        merge("linear", [x, x], weights=(1.0, -1.0))
