from __future__ import annotations

import lzma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, zeros
from git_theta.updates.quantized import Quantized, step_of
from git_theta.updates.rounding import ARITHMETIC, round_to, widen
from tests.helpers.lossy_contract import check_extreme_values_refused, check_other_dtypes_refused
from tests.helpers.weights import input_of

STEP = step_of(1e-4)


def encoded(value: bytes, spec: TensorSpec, base: bytes, step: float = STEP) -> bytes:
    source = Base(spec, input_of(base, 1001))
    return b"".join(map(bytes, Quantized().encode_steps(memoryview(value), spec, source, step)))


def decoded(payload: bytes, base: bytes) -> bytes:
    return b"".join(map(bytes, Quantized().decode(memoryview(payload), [input_of(base, 1001)], len(base))))


@pytest.mark.parametrize("dtype", ARITHMETIC)
@pytest.mark.parametrize("shape", [(0,), (), (3,), (5, 7), (300_001,)])
def test_decoded_values_are_whole_steps_away(dtype: str, shape: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    spec = TensorSpec(dtype, shape)
    base = round_to(random.standard_normal(spec.count), dtype)
    value = round_to(widen(base, dtype) + 1e-3 * random.standard_normal(spec.count), dtype)
    before, after = widen(base, dtype), widen(value, dtype)
    steps = np.floor((after - before) / STEP + 0.5)
    expected = np.where(steps == 0, before, before + steps * STEP)
    payload = encoded(value.tobytes(), spec, base.tobytes())
    assert decoded(payload, base.tobytes()) == round_to(expected, dtype).tobytes()


@given(
    hnp.arrays("<f4", 9, elements=st.floats(-1e3, 1e3, width=32)),
    hnp.arrays("<f4", 9, elements=st.floats(-1e3, 1e3, width=32)),
)
def test_the_error_is_bounded(value: NDArray[np.float32], base: NDArray[np.float32]) -> None:
    payload = encoded(value.tobytes(), TensorSpec("F32", (9,)), base.tobytes())
    found = np.frombuffer(decoded(payload, base.tobytes()), "<f4")
    rounding = np.spacing(np.abs(found)).astype("f8")
    assert (np.abs(found.astype("f8") - value) <= STEP / 2 + rounding).all()


def test_elements_that_do_not_move_keep_their_bits() -> None:
    base = np.array([-0.0, 0.0, 1e-40, 3.0], "<f4").tobytes()
    assert decoded(encoded(base, TensorSpec("F32", (4,)), base), base) == base


def test_a_fine_tune_costs_less_than_with_lzma() -> None:
    random = np.random.default_rng(1)
    base = random.standard_normal(200_000).astype("<f4")
    value = (base + 1e-4 * random.standard_normal(len(base))).astype("<f4")
    steps = np.floor((value.astype("f8") - base) / STEP + 0.5).astype("<i8")
    payload = encoded(value.tobytes(), TensorSpec("F32", base.shape), base.tobytes())
    assert len(payload) < len(lzma.compress(steps.tobytes()))


def test_the_largest_multiples() -> None:
    most = float((1 << 31) - 1)
    value = np.array([most, -most, most - 1, 1 - most, 1, -1, 0])
    spec = TensorSpec("F64", value.shape)
    base = np.zeros(value.shape).tobytes()
    assert decoded(encoded(value.tobytes(), spec, base, 1.0), base) == value.tobytes()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e30])
def test_values_that_no_steps_express(odd: float) -> None:
    check_extreme_values_refused(encoded, 0.0, odd)


def test_other_dtypes() -> None:
    check_other_dtypes_refused(encoded)


@pytest.mark.parametrize("shape", [(0,), (), (3,), (300_001,)])
def test_without_a_base_the_value_itself_is_rounded(shape: tuple[int, ...]) -> None:
    spec = TensorSpec("F32", shape)
    value = np.random.default_rng(1).standard_normal(spec.count).astype("<f4")
    payload = b"".join(
        map(bytes, Quantized().encode_steps(memoryview(value.tobytes()), spec, Base(spec, zeros), 0.25))
    )
    found = b"".join(map(bytes, Quantized().decode(memoryview(payload), [], spec.nbytes)))
    assert np.array_equal(np.frombuffer(found, "<f4"), np.floor(value.astype("f8") / 0.25 + 0.5) * 0.25)
    assert len(payload) < 0.2 * spec.nbytes or spec.count < 9


def test_damage_is_noticed() -> None:
    base = np.zeros(40, "<f4").tobytes()
    value = np.linspace(-1, 1, 40).astype("<f4").tobytes()
    payload = encoded(value, TensorSpec("F32", (40,)), base)
    for cut in range(len(payload)):
        with pytest.raises(CorruptError):
            decoded(payload[:cut], base)
    with pytest.raises(CorruptError):
        decoded(payload + b"\0", base)
