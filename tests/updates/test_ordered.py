from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from git_theta.updates.ordered import advance, by_exponent, difference

words = st.sampled_from(["<u1", "<u2", "<u4", "<u8"]).flatmap(
    lambda dtype: st.tuples(arrays(dtype, 20), arrays(dtype, 20))
)


@given(words, st.booleans())
def test_advance_undoes_difference(pair: tuple[np.ndarray, np.ndarray], floats: bool) -> None:
    value, base = pair
    kept = value.copy(), base.copy()
    assert (advance(base, difference(value, base, floats), floats) == value).all()
    assert (value == kept[0]).all()
    assert (base == kept[1]).all()


@given(st.floats(width=32, allow_nan=False), st.floats(width=32, allow_nan=False))
def test_neighbours_are_one_step_apart(one: float, other: float) -> None:
    value = np.array([one], "<f4")
    with np.errstate(over="ignore"):
        up = np.nextafter(value, np.float32(np.inf))
    if up != value and not (value == 0 or up == 0):
        assert difference(up.view("<u4"), value.view("<u4"), True)[0] == 2
    # The farther, the more steps: the order of the floats is that of the integers.
    far = difference(np.array([other], "<f4").view("<u4"), value.view("<u4"), True)[0]
    assert (far == 0) == (np.array([other], "<f4").tobytes() == value.tobytes())


@pytest.mark.parametrize(("dtype", "numpy_dtype", "unsigned"), [("F32", "<f4", "<u4"), ("F16", "<f2", "<u2")])
def test_the_order_is_stable_and_by_exponent(dtype: str, numpy_dtype: str, unsigned: str) -> None:
    numbers = np.random.default_rng(0).standard_normal(5000).astype(numpy_dtype)
    order = by_exponent(numbers.view(unsigned), dtype)
    assert order is not None
    exponents = np.frexp(np.abs(numbers))[1][order]
    assert (np.diff(exponents) >= 0).all()
    for exponent in np.unique(exponents):
        assert (np.diff(order[exponents == exponent]) > 0).all()


def test_integers_have_no_exponent() -> None:
    assert by_exponent(np.zeros(3, "<u8"), "I64") is None
