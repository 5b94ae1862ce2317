from __future__ import annotations

import numpy as np
import pytest

from git_theta.lossy.levels import levels_of
from git_theta.lossy.parameter import (
    LossyParameter,
    error_size,
    exact_size,
    lossy_parameter,
    may_be_lossy,
    payload_at,
    value_of,
)
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base
from git_theta.updates.quantized import Quantized
from git_theta.updates.rounding import round_to, widen
from tests.helpers.weights import input_of, trained, tuned

SPEC = TensorSpec("F32", (40, 50))


def base(data: bytes, spec: TensorSpec = SPEC) -> Base:
    return Base(spec, input_of(data))


def parameter(value: bytes, *bases: bytes, spec: TensorSpec = SPEC) -> tuple[LossyParameter, int | None]:
    found = lossy_parameter(("w",), spec, memoryview(value), [base(each, spec) for each in bases])
    assert found is not None
    return found


def test_the_nearest_base_is_taken() -> None:
    value = trained(SPEC)
    near, far = tuned(value, SPEC, 1e-4), tuned(value, SPEC, 1e-2)
    found, index = parameter(value, far, near)
    assert (index, found.has_base) == (1, True)
    assert found.scale == pytest.approx(1e-4, rel=0.1)


def test_zeros_are_nearer_than_another_model() -> None:
    found, index = parameter(trained(SPEC), trained(SPEC, 7))
    assert (index, found.has_base) == (None, False)
    assert found.scale == pytest.approx(0.05, rel=0.1)


def test_elements_that_did_not_change_do_not_count() -> None:
    value = trained(SPEC)
    some = np.frombuffer(value, "<f4").copy()
    some[:100] += 0.001
    assert parameter(some.tobytes(), value)[0].scale == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_stay_exact(odd: float) -> None:
    value = np.frombuffer(trained(SPEC), "<f4").copy()
    value[3] = odd
    assert lossy_parameter(("w",), SPEC, memoryview(value.tobytes()), [base(trained(SPEC))]) is None


def test_a_base_that_is_not_finite_is_left_out() -> None:
    value = trained(SPEC)
    odd = np.frombuffer(value, "<f4").copy()
    odd[3] = np.nan
    assert parameter(value, odd.tobytes())[1] is None


def test_nothing_is_stored_of_zeros() -> None:
    assert lossy_parameter(("w",), SPEC, memoryview(bytes(SPEC.nbytes)), []) is None


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16", "F64"])
@pytest.mark.parametrize("with_base", [True, False])
def test_errors_are_at_most_half_a_step(dtype: str, with_base: bool) -> None:
    spec = TensorSpec(dtype, (40, 50))
    start = trained(spec)
    value = tuned(start, spec, 0.01)
    found, _ = parameter(value, *([start] if with_base else []), spec=spec)
    assert found.has_base == with_base
    sizes = []
    for level in levels_of(Quantized())[:6]:
        payload = payload_at(found, level, None)
        sizes.append(len(payload))
        near = value_of(found, level, payload)
        errors = error_size(found, near)
        numbers = [widen(np.frombuffer(each, f"<u{spec.word_size}"), dtype) for each in (value, near)]
        distances = np.abs(numbers[0] - numbers[1])
        assert errors.largest == distances.max()
        assert errors.mean == pytest.approx(distances.mean())
        rounding = 2 * np.abs(numbers[1]).max() * 2.0**-8 if dtype in ("BF16", "F16") else 1e-6
        assert errors.largest <= level.factor * found.scale / 2 + rounding
    assert sizes == sorted(sizes)
    assert sizes[-1] < exact_size(found) or dtype in ("BF16", "F16")


def test_exact_values_cost_the_least_of_some_updates() -> None:
    start = trained(SPEC)
    few = np.frombuffer(start, "<f4").copy()
    few[7] = 9
    assert exact_size(parameter(few.tobytes(), start)[0]) < 200
    assert exact_size(parameter(round_to(np.ones(2000), "F32").tobytes())[0]) < 200


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("layers.0.weight", True),
        ("stepwise.weight", True),
        ("optimizer/state/0/exp_avg", False),
        ("optimizer_state_dict/state/3/momentum_buffer", False),
        ("state.exp_avg_sq", False),
        ("cuda_rng_state", True),
        ("rng_state", False),
    ],
)
def test_what_tests_cannot_see_stays_exact(name: str, may: bool) -> None:
    assert may_be_lossy(name, SPEC) == may


def test_other_dtypes_and_small_values_stay_exact() -> None:
    assert not may_be_lossy("w", TensorSpec("I32", (40, 50)))
    assert not may_be_lossy("w", TensorSpec("F8_E4M3", (4000,)))
    assert not may_be_lossy("w", TensorSpec("F32", (255,)))
    assert may_be_lossy("w", TensorSpec("F32", (256,)))
