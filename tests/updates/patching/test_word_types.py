from __future__ import annotations

import numpy as np
import pytest

from git_theta.model.tensor import TensorSpec
from git_theta.updates.patching.word_types import BYTES, WordType, WordTypeGuess
from tests.helpers.weights import trained, tuned


def guess(value: bytes, base: bytes) -> WordType | None:
    return WordTypeGuess().of(np.frombuffer(value, np.uint8), np.frombuffer(base, np.uint8))


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32", "F64"])
@pytest.mark.parametrize("phase", [0, 1])
def test_the_dtype_of_tuned_floats_shows(dtype: str, phase: int) -> None:
    spec = TensorSpec(dtype, (20_000,))
    old = trained(spec)
    new = tuned(old, spec, 1e-7 if dtype == "F64" else 1e-4)
    before = b"x" * phase
    found = guess(before + new, before + old)
    # Halves in the order of their upper eight bits take as little.
    assert found in (WordType(dtype, phase), dtype == "F16" and WordType("BF16", phase))


def test_equal_bytes_have_no_type() -> None:
    assert guess(b"abc" * 1000, b"abc" * 1000) is None
    assert guess(b"", b"") is None


def test_other_bytes_are_bytes() -> None:
    noise = np.random.default_rng(0)
    assert guess(noise.bytes(30_000), noise.bytes(30_000)) == BYTES
    assert guess(b"abc", b"abd") == BYTES
