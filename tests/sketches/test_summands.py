from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.sketch import sample_keys
from git_theta.sketches.summands import find_summands

SPEC = TensorSpec("F32", (256,))
RNG = np.random.default_rng(0)
BASE = RNG.standard_normal(256) * 0.05
MODELS = [BASE + RNG.standard_normal(256) * 2e-4 for _ in range(6)]


def keys(*values: NDArray[np.float64]) -> NDArray[np.uint32]:
    return np.stack([sample_keys(value.astype("<f4").view("<u4"), SPEC) for value in values])


def found(value: NDArray[np.float64], *stored: NDArray[np.float64]) -> list[int]:
    return find_summands(keys(value)[0], keys(*stored))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((MODELS[1] + MODELS[3]) / 2, [2, 4]),
        (0.3 * MODELS[0] + 0.7 * MODELS[5], [1, 6]),
        ((MODELS[0] + MODELS[2] + MODELS[4]) / 3, [1, 3, 5]),
        (BASE + 0.4 * (MODELS[1] - BASE), [0, 2]),
        (BASE + 0.8 * (MODELS[1] - BASE) + 0.6 * (MODELS[2] - BASE), [0, 2, 3]),
        (0.9 * MODELS[0] + 0.3 * MODELS[1], [1, 2]),
    ],
    ids=["average", "weighted", "of three", "a part of a change", "task arithmetic", "not to one"],
)
def test_the_parts_of_a_sum_are_found(value: NDArray[np.float64], expected: list[int]) -> None:
    assert found(value, BASE, *MODELS) == expected


def test_fine_tunes_are_no_sums() -> None:
    assert found(BASE + RNG.standard_normal(256) * 2e-4, BASE, *MODELS) == []
    assert found(MODELS[0] + RNG.standard_normal(256) * 2e-4, BASE, *MODELS) == []
    assert found(RNG.standard_normal(256), BASE, *MODELS) == []


def test_one_value_is_no_sum_and_few_samples_say_little() -> None:
    assert found((BASE + MODELS[0]) / 2, BASE) == []
    average = keys((MODELS[0] + MODELS[1]) / 2)[0][:15]
    assert find_summands(average, keys(BASE, *MODELS)[:, :15]) == []


def test_values_that_are_not_finite_are_left_alone() -> None:
    broken = MODELS[0].copy()
    broken[7] = np.inf
    assert found((MODELS[0] + MODELS[1]) / 2, broken, MODELS[1]) == []
