"""The updates that `git add` chooses, by the published checks, and each at what it's for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta import testing
from git_theta.encoding import selection
from git_theta.errors import CorruptError, UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.array import Array
from git_theta.updates.base import Automatic, UnsuitableError
from git_theta.updates.delta import Delta
from git_theta.updates.low_rank import LowRank
from git_theta.updates.sparse import Sparse
from tests.helpers.weights import base_of, input_of, joined, merged, pruned, trained, tuned

PLUGINS: list[Automatic] = [Delta(), Sparse(), LowRank()]


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_contract(plugin: Automatic) -> None:
    testing.check_update(plugin)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
@given(junk=st.binary(max_size=300))
def test_junk_is_refused(plugin: Automatic, junk: bytes) -> None:
    with pytest.raises((CorruptError, UsageError)):
        list(plugin.decode(memoryview(junk), [input_of(bytes(8))], 8))


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16", "F64"])
def test_a_fine_tune_is_a_delta(dtype: str) -> None:
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


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.05])
@pytest.mark.parametrize("dtype", ["F32", "BF16", "I64"])
def test_few_changes_are_sparse(dtype: str, share: float) -> None:
    spec = TensorSpec(dtype, (500, 1000))
    old = trained(TensorSpec("F64", spec.shape))[: spec.nbytes]
    new = pruned(old, spec, share)
    sparse = joined(Sparse().encode(memoryview(new), spec, base_of(old, spec)))
    assert joined(Sparse().decode(memoryview(sparse), [input_of(old)], len(new))) == new
    # Zeros cost nothing: what remains are the places.
    assert len(sparse) * 8 < 200 * 8 + 1.3 * spec.count * share * (math.log2(1 / share) + 1.5)


def test_many_changes_are_not_sparse() -> None:
    spec = TensorSpec("F32", (1000, 1000))
    old = trained(spec)
    with pytest.raises(UnsuitableError):
        joined(Sparse().encode(memoryview(pruned(old, spec, 0.3)), spec, base_of(old, spec)))


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


def test_not_a_number_has_no_rank() -> None:
    spec = TensorSpec("F32", (128, 128))
    old = trained(spec)
    new = bytearray(merged(old, spec, rank=2))
    new[400:404] = b"\x01\x00\xc0\x7f"
    piece = selection.first_difference(memoryview(bytes(new)), spec, base_of(old, spec))
    assert piece is not None
    assert LowRank().estimate(piece) is None


def test_given_factors_predict_the_value() -> None:
    spec = TensorSpec("F32", (700, 1000))
    old = trained(spec)
    left, right = (trained(TensorSpec("F32", shape)) for shape in ((700, 4), (4, 1000)))
    given = {
        "R": Array("w/R", TensorSpec("F32", (700, 4)), memoryview(left)),
        "C": Array("w/C", TensorSpec("F32", (4, 1000)), memoryview(right)),
    }
    payload = joined(LowRank(0.5).encode_given(given, spec, base_of(old, spec), None))
    assert len(payload) < 4 * (700 + 1000) * 4 + 300
    one = joined(LowRank().decode(memoryview(payload), [input_of(old)], len(old)))
    other = joined(LowRank().decode(memoryview(payload), [input_of(old, step=8)], len(old)))
    assert one == other, "the prediction depends on how the base is cut"
    exact = joined(LowRank(0.5).encode_given(given, spec, base_of(old, spec), memoryview(one)))
    assert len(exact) < len(payload) + 100, "a perfect prediction leaves a residual"


def test_the_order_is_deterministic_on_equal_exponents() -> None:
    spec = TensorSpec("F32", (1000,))
    old, new = bytes(4000), tuned(bytes(4000), spec)
    payload = joined(Delta().encode(memoryview(new), spec, base_of(old, spec)))
    assert joined(Delta().decode(memoryview(payload), [input_of(old)], 4000)) == new
