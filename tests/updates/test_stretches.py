"""Blocks of a chunk by their relation to a prediction."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.model.tensor import TensorSpec
from git_theta.updates.ordered import difference
from git_theta.updates.stretches import (
    BLOCK,
    EQUAL,
    NEAR,
    WHOLE,
    block_count,
    is_near_throughout,
    kinds_of,
    may_be_near,
    spread,
)
from tests.helpers.weights import trained, tuned

DTYPES = ["F32", "BF16", "F16", "F64"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_each_block_has_a_kind(dtype: str) -> None:
    spec = TensorSpec(dtype, (10_001,))
    words = f"<u{spec.word_size}"
    old = np.frombuffer(trained(spec), words)
    value = np.frombuffer(tuned(old.tobytes(), spec), words).copy()
    block = BLOCK // spec.word_size
    value[: 3 * block] = old[: 3 * block]
    value[5 * block : 7 * block] = np.frombuffer(trained(spec, 8), words)[5 * block : 7 * block]
    kinds = kinds_of(difference(value, old, floats=True), spec)
    assert kinds is not None
    assert len(kinds) == block_count(len(value), spec)
    assert kinds[:7].tolist() == [EQUAL] * 3 + [NEAR] * 2 + [WHOLE] * 2
    assert (kinds[7:] == NEAR).all()
    each = spread(kinds, len(value), spec)
    assert len(each) == len(value)
    assert (each[: 3 * block] == EQUAL).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_tuned_words_need_no_kinds(dtype: str) -> None:
    spec = TensorSpec(dtype, (10_001,))
    old, new = (
        np.frombuffer(data, f"<u{spec.word_size}") for data in (trained(spec), tuned(trained(spec), spec))
    )
    assert kinds_of(difference(new, old, floats=True), spec) is None


@pytest.mark.parametrize("dtype", DTYPES)
def test_some_near_words_show_a_relation(dtype: str) -> None:
    spec = TensorSpec(dtype, (100_000,))
    words = f"<u{spec.word_size}"
    old, other = (np.frombuffer(trained(spec, seed), words) for seed in (0, 9))
    near = np.frombuffer(tuned(old.tobytes(), spec, 1e-5), words)
    assert may_be_near(near, old, spec)
    assert not may_be_near(other, old, spec)
    mixed = np.where(np.arange(len(old)) % 10_000 < 1000, near, other)
    assert may_be_near(mixed, old, spec)


def test_integers_may_always_be_near() -> None:
    words = np.arange(100, dtype="u1")
    assert may_be_near(words, words[::-1], TensorSpec("U8", (100,)))


def test_a_fine_tune_is_near_throughout_and_moved_rows_are_not() -> None:
    spec = TensorSpec("F32", (128, 256))
    old = trained(spec)
    base = np.frombuffer(old, "<u4")
    near = np.frombuffer(tuned(old, spec, 1e-3), "<u4")
    rows = near.reshape(spec.shape)
    assert is_near_throughout(near, base, spec)
    assert not is_near_throughout(np.roll(rows, 1, axis=0).reshape(-1), base, spec)
    assert not is_near_throughout(np.roll(rows, 1, axis=1).reshape(-1), base, spec)
    some = rows.copy()
    some[10:20] = rows[10:20][::-1]
    assert not is_near_throughout(some.reshape(-1), base, spec)
    assert not is_near_throughout(base, base, TensorSpec("I32", spec.shape)), "integers may be anything"
