"""Ratios of positive numbers."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.merging import merge

positive = st.floats(1e-3, 1e3).map(lambda number: np.array([number]))


@given(base=positive, ours=positive, theirs=positive)
def test_the_result_is_positive_and_taking_it_back_gives_ours(
    base: np.ndarray, ours: np.ndarray, theirs: np.ndarray
) -> None:
    merged = merge("ratio", [ours, theirs], base)
    np.testing.assert_allclose(merged, ours * theirs / base, rtol=1e-12)
    assert merged > 0
    np.testing.assert_allclose(merge("ratio", [merged, base], theirs), ours, rtol=1e-12)


def test_a_base_that_is_not_positive_has_no_ratio() -> None:
    merged = merge("ratio", [np.array([1.0, 1.0]), np.array([2.0, 3.0])], np.array([0.0, -1.0]))
    assert merged.tolist() == [3.0, 5.0]


def test_several_models() -> None:
    models = [np.array([2.0]), np.array([4.0]), np.array([0.5])]
    assert merge("ratio", models, np.array([1.0])).tolist() == [4.0]
