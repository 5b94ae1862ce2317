from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given as having
from hypothesis import strategies as st

from git_theta.encoding.samples import first_difference
from git_theta.errors import CorruptError, UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.testing import check_update
from git_theta.updates.array import Array
from git_theta.updates.base import UnsuitableError
from git_theta.updates.delta import Delta
from git_theta.updates.low_rank import LowRank
from tests.helpers.weights import base_of, input_of, joined, merged, trained, tuned


def factor(part: str, *shape: int) -> Array:
    spec = TensorSpec("F32", shape)
    return Array(f"w/{part}", spec, memoryview(trained(spec)))


def factors(rows: int, rank: int, columns: int) -> dict[str, Array]:
    return {"R": factor("R", rows, rank), "C": factor("C", rank, columns)}


def test_contract() -> None:
    check_update(LowRank(), [(TensorSpec("F32", (6, 5)), factors(6, rank, 5)) for rank in (0, 2, 7)])


@having(st.binary(max_size=300))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises((CorruptError, UsageError)):
        list(LowRank().decode(memoryview(junk), [input_of(bytes(8))], 8))


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
@pytest.mark.parametrize("shape", [(256, 384), (700, 500), (64, 16, 3, 3)])
def test_a_merged_adapter_has_low_rank(dtype: str, shape: tuple[int, ...]) -> None:
    spec = TensorSpec(dtype, shape)
    old = trained(spec)
    new = merged(old, spec, rank=4, scale=0.05)
    low = joined(LowRank().encode(memoryview(new), spec, base_of(old, spec)))
    assert joined(LowRank().decode(memoryview(low), [input_of(old)], len(new))) == new
    assert len(low) < 0.7 * len(joined(Delta().encode(memoryview(new), spec, base_of(old, spec))))


def test_a_full_fine_tune_has_no_low_rank() -> None:
    spec = TensorSpec("F32", (256, 256))
    old = trained(spec)
    with pytest.raises(UnsuitableError):
        joined(LowRank().encode(memoryview(tuned(old, spec)), spec, base_of(old, spec)))


def test_a_change_with_a_nan_has_no_rank() -> None:
    spec = TensorSpec("F32", (128, 128))
    old = trained(spec)
    new = bytearray(merged(old, spec, rank=2))
    new[400:404] = b"\x01\x00\xc0\x7f"
    piece = first_difference(memoryview(bytes(new)), spec, base_of(old, spec))
    assert piece is not None
    assert LowRank().estimate(piece) is None


def test_given_factors_predict_the_value() -> None:
    spec = TensorSpec("F32", (700, 1000))
    old = trained(spec)
    given = factors(700, 4, 1000)
    payload = joined(LowRank(0.5).encode_given(given, spec, base_of(old, spec), None))
    assert len(payload) < 4 * (700 + 1000) * 4 + 300
    one = joined(LowRank().decode(memoryview(payload), [input_of(old)], len(old)))
    other = joined(LowRank().decode(memoryview(payload), [input_of(old, step=8)], len(old)))
    assert one == other, "the prediction depends on how the base is cut"
    exact = joined(LowRank(0.5).encode_given(given, spec, base_of(old, spec), memoryview(one)))
    assert len(exact) < len(payload) + 100, "a perfect prediction leaves a residual"


def test_factors_of_more_than_full_rank_give_a_value_only() -> None:
    spec = TensorSpec("F32", (6, 5))
    old, given = trained(spec, 9), factors(6, 7, 5)
    with pytest.raises(UnsuitableError):
        joined(LowRank(2.0).encode_given(given, spec, base_of(old, spec), None))
    value = np.frombuffer(joined(LowRank(2.0).given_value(given, spec, base_of(old, spec))), "<f4")
    product = given["R"].numbers() @ given["C"].numbers()
    expected = np.frombuffer(old, "<f4") + 2 * product.reshape(-1)
    assert np.allclose(value, expected, rtol=1e-6)


def test_a_stack_has_factors_for_each_of_its_matrices() -> None:
    spec = TensorSpec("F32", (3, 40, 50))
    old = trained(spec)
    given = {"R": factor("R", 3, 40, 2), "C": factor("C", 3, 2, 50)}
    LowRank().check(given, "w", spec)
    payload = joined(LowRank(0.5).encode_given(given, spec, base_of(old, spec), None))
    assert len(payload) < 3 * 2 * (40 + 50) * 4 + 300
    found = np.frombuffer(joined(LowRank().decode(memoryview(payload), [input_of(old)], len(old))), "<f4")
    expected = np.frombuffer(old, "<f4").reshape(spec.shape) + 0.5 * (
        given["R"].numbers() @ given["C"].numbers()
    )
    np.testing.assert_array_equal(found.reshape(spec.shape), expected.astype("f4"))
    changed = bytearray(found.tobytes())
    changed[7] ^= 1
    exact = joined(LowRank(0.5).encode_given(given, spec, base_of(old, spec), memoryview(changed)))
    assert joined(LowRank().decode(memoryview(exact), [input_of(old)], len(old))) == changed
    value = joined(LowRank(0.5).given_value(given, spec, base_of(old, spec)))
    np.testing.assert_allclose(np.frombuffer(value, "<f4"), found, rtol=1e-6, atol=1e-7)


def test_a_stack_larger_than_a_block() -> None:
    spec = TensorSpec("F32", (5, 300, 400))
    old = trained(spec)
    given = {"R": factor("R", 5, 300, 1), "C": factor("C", 5, 1, 400)}
    payload = joined(LowRank().encode_given(given, spec, base_of(old, spec), None))
    found = np.frombuffer(joined(LowRank().decode(memoryview(payload), [input_of(old)], len(old))), "<f4")
    expected = np.frombuffer(old, "<f4").reshape(spec.shape) + given["R"].numbers() * given["C"].numbers()
    np.testing.assert_array_equal(found.reshape(spec.shape), expected.astype("f4"))


@pytest.mark.parametrize(
    "shapes", [((2, 40, 2), (2, 2, 50)), ((3, 40, 2), (3, 3, 50)), ((3, 40, 2), (2, 50))]
)
def test_stacks_that_do_not_fit(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    given = {"R": factor("R", *shapes[0]), "C": factor("C", *shapes[1])}
    with pytest.raises(UsageError, match="doesn't fit"):
        LowRank().check(given, "w", TensorSpec("F32", (3, 40, 50)))
    with pytest.raises(UsageError, match="doesn't fit"):
        LowRank().check(given, "w", TensorSpec("F32", (120, 50)))
