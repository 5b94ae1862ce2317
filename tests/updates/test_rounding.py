from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from git_theta.updates.rounding import add_nonzero, round_to, widen


def test_bfloat16_rounds_like_the_library() -> None:
    bits = np.random.default_rng(0).integers(0, 1 << 32, 200_000, dtype=np.uint32)
    halfway = (bits & 0xFFFF0000) | 0x8000
    numbers = np.concatenate([bits, halfway]).view("<f4")
    numbers = numbers[np.isfinite(numbers)]
    ours = round_to(numbers.astype(np.float64), "BF16")
    assert (ours == numbers.astype(ml_dtypes.bfloat16).view(np.uint16)).all()


def test_special_values_stay_special() -> None:
    numbers = np.array([np.nan, np.inf, -np.inf, -0.0, 1e300, -1e300])
    for dtype in ("F32", "BF16", "F16"):
        back = widen(round_to(numbers, dtype), dtype)
        assert np.isnan(back[0])
        assert back[1:].tolist() == [np.inf, -np.inf, -0.0, np.inf, -np.inf]
        assert np.signbit(back[3])


@pytest.mark.parametrize(
    ("dtype", "unsigned"), [("F32", "<u4"), ("BF16", "<u2"), ("F16", "<u2"), ("F64", "<u8")]
)
def test_widening_loses_nothing(dtype: str, unsigned: str) -> None:
    size = np.dtype(unsigned).itemsize
    words = np.frombuffer(np.random.default_rng(1).bytes(100_000 * size), unsigned)
    wide = widen(words, dtype)
    words = words[~np.isnan(wide)]
    assert (round_to(widen(words, dtype), dtype) == words).all()


def test_adding_zero_keeps_the_bits() -> None:
    numbers = np.array([-0.0, 1.0, np.nan, 2.0], "<f4")
    found = add_nonzero(numbers.view("<u4"), np.array([0.0, 0.5, 0.0, -2.0]), "F32")
    assert found.tobytes() == np.array([-0.0, 1.5, np.nan, 0.0], "<f4").tobytes()
