from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError, UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.testing import check_update
from git_theta.updates.delta import Delta
from tests.helpers.weights import base_of, input_of, joined, trained, tuned


def test_contract() -> None:
    check_update(Delta())


@given(st.binary(max_size=300))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises((CorruptError, UsageError)):
        list(Delta().decode(memoryview(junk), [input_of(bytes(8))], 8))


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16", "F64"])
def test_a_fine_tune_is_small(dtype: str) -> None:
    spec = TensorSpec(dtype, (300, 1000))
    old = trained(spec)
    new = tuned(old, spec)
    delta = joined(Delta().encode(memoryview(new), spec, base_of(old, spec)))
    assert joined(Delta().decode(memoryview(delta), [input_of(old)], len(new))) == new
    assert len(delta) < {"F32": 0.6, "BF16": 0.2, "F16": 0.4, "F64": 0.8}[dtype] * len(new)


def test_small_steps_cost_less_than_a_bit_each() -> None:
    spec = TensorSpec("BF16", (1000, 1000))
    old = trained(spec)
    new = tuned(old, spec, scale=2e-6)
    delta = joined(Delta().encode(memoryview(new), spec, base_of(old, spec)))
    assert len(delta) * 8 < spec.count


def test_the_order_is_deterministic_on_equal_exponents() -> None:
    spec = TensorSpec("F32", (1000,))
    old, new = bytes(4000), tuned(bytes(4000), spec)
    payload = joined(Delta().encode(memoryview(new), spec, base_of(old, spec)))
    assert joined(Delta().decode(memoryview(payload), [input_of(old)], 4000)) == new
