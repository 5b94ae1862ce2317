from __future__ import annotations

import numpy as np
import pytest

from git_theta.encoding.samples import first_difference
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Sample
from git_theta.updates.rank_estimate import estimate_cost
from tests.helpers.weights import base_of, merged, trained, tuned


def sample(new: bytes, old: bytes, spec: TensorSpec) -> Sample:
    found = first_difference(memoryview(new), spec, base_of(old, spec))
    assert found is not None
    return found


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
def test_a_change_of_low_rank_is_cheap(dtype: str) -> None:
    spec = TensorSpec(dtype, (384, 384))
    old = trained(spec)
    cost = estimate_cost(sample(merged(old, spec, 4, scale=0.05), old, spec))
    assert cost is not None
    assert 0 < cost < 0.6


@pytest.mark.parametrize("shape", [(384, 384), (20, 500), (500,), ()])
def test_other_changes_have_no_estimate(shape: tuple[int, ...]) -> None:
    spec = TensorSpec("F32", shape)
    old = trained(spec)
    assert estimate_cost(sample(tuned(old, spec, 1e-2), old, spec)) is None


def test_integers_have_no_rank() -> None:
    spec = TensorSpec("I32", (64, 64))
    assert estimate_cost(sample(b"\1" * spec.nbytes, bytes(spec.nbytes), spec)) is None


def test_the_largest_numbers_of_a_mask_warn_of_no_overflow() -> None:
    """Changes between the lowest and the highest float64 aren't finite; warnings are errors in tests."""
    spec = TensorSpec("F64", (128, 128))
    lowest = np.finfo(np.float64).min
    mask = np.where(np.tril(np.ones(spec.shape, bool)), 0.0, lowest)
    for changed in (mask.T, -mask, mask / 3):
        assert estimate_cost(sample(np.ascontiguousarray(changed).tobytes(), mask.tobytes(), spec)) is None
