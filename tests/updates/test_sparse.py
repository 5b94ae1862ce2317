from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.encoding.samples import first_difference
from git_theta.errors import CorruptError, UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.testing import check_update
from git_theta.updates.base import UnsuitableError
from git_theta.updates.sparse import Sparse
from git_theta.updates.sparse_given import every_element
from tests.helpers.weights import base_of, input_of, joined, pruned, trained

MATRIX = TensorSpec("F32", (6, 5))


def test_an_estimate_is_near_the_cost_of_words_moved_by_one_unit() -> None:
    spec = TensorSpec("BF16", (1000, 1000))
    old = trained(spec)
    words = np.frombuffer(old, "<u2").copy()
    rng = np.random.default_rng(0)
    places = np.flatnonzero(rng.random(len(words)) < 0.01)
    words[places] += rng.choice(np.array([1, 0xFFFF], "<u2"), len(places))
    base = base_of(old, spec)
    size = len(joined(Sparse().encode(memoryview(words.tobytes()), spec, base)))
    sample = first_difference(memoryview(words.tobytes()), spec, base)
    assert sample
    estimate = Sparse().estimate(sample)
    assert estimate
    assert size < 0.007 * spec.nbytes
    assert abs(estimate / (size / spec.nbytes) - 1) < 0.05


def test_contract() -> None:
    check_update(Sparse(), [(MATRIX, every_element(np.arange(30.0), "w", MATRIX))])


@given(st.binary(max_size=300))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises((CorruptError, UsageError)):
        list(Sparse().decode(memoryview(junk), [input_of(bytes(8))], 8))


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
