from __future__ import annotations

import numpy as np
import pytest

from git_theta.model.tensor import TensorSpec
from git_theta.updates.patching.alignment import Stretch, align_bytes
from tests.helpers.weights import trained, tuned

SPEC = TensorSpec("F32", (1 << 16,))
WEIGHTS = trained(SPEC)
TUNED = tuned(WEIGHTS, SPEC)


def align(value: bytes, base: bytes) -> list[Stretch]:
    found = align_bytes(np.frombuffer(value, np.uint8), np.frombuffer(base, np.uint8))
    end = 0
    for stretch in found:
        assert stretch.start >= end
        assert 0 <= stretch.start + stretch.shift <= len(base) - stretch.length
        end = stretch.end
    assert end <= len(value)
    return found


def covered(value: bytes, base: bytes) -> float:
    return sum(stretch.length for stretch in align(value, base)) / len(value)


def test_a_longer_beginning_shifts_the_rest() -> None:
    (stretch,) = align(b"GGUF" + b"n" * 92 + WEIGHTS, b"GGUF" + b"n" * 60 + WEIGHTS)
    assert stretch.shift == -32
    assert stretch.length >= len(WEIGHTS)


@pytest.mark.parametrize("weights", [WEIGHTS, TUNED], ids=["equal", "tuned"])
def test_bytes_between_others_end_stretches_where_they_are(weights: bytes) -> None:
    value = weights[:50_000] + b"new name" + weights[50_000:180_000] + b"!" + weights[190_000:]
    first, second, third = align(value, WEIGHTS)
    assert [first.shift, second.shift, third.shift] == [0, -8, 9_991]
    assert abs(first.end - 50_000) < 50
    assert abs(second.end - 180_008) < 50


def test_exchanged_parts_are_found() -> None:
    half = len(WEIGHTS) // 2 + 1
    for weights in (WEIGHTS, TUNED):
        assert covered(weights[half:] + weights[:half], WEIGHTS) > 0.99


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F64"])
def test_tuned_floats_of_all_widths_are_found_at_odd_places(dtype: str) -> None:
    spec = TensorSpec(dtype, (1 << 17,))
    old = trained(spec)
    new = tuned(old, spec, 1e-6 if dtype == "F64" else 1e-5)
    value = new[:100_000] + b"x" * 77 + new[100_000:170_000] + b"y" * 5 + new[170_000:]
    assert covered(value, old) > 0.99


def test_unrelated_floats_are_not_aligned() -> None:
    assert covered(trained(SPEC, seed=5), WEIGHTS) < 0.01


@pytest.mark.parametrize(
    ("value", "base"), [(b"a", b"a"), (b"a", b"b"), (b"ab" * 9, b"a"), (b"", b"a"), (b"a", b"")]
)
def test_few_bytes_are_no_trouble(value: bytes, base: bytes) -> None:
    align(value, base)


def test_zeros_are_found_anywhere() -> None:
    assert covered(bytes(100_000), bytes(40_000)) > 0.3


def test_equal_bytes_end_where_the_first_other_one_is() -> None:
    value = WEIGHTS[:50_000] + b"new name" + WEIGHTS[50_000:]
    first, second = align(value, WEIGHTS)
    assert (first.end, second.start, second.end) == (50_000, 50_008, len(value))
