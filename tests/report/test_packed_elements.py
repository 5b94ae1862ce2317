"""Elements of packed dtypes as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from git_theta.errors import PackedValueError
from git_theta.model.tensor import BLOCKS
from git_theta.report.packed_elements import is_decoded, unpack

DECODED = sorted(filter(is_decoded, BLOCKS))


def blocks(dtype: str, count: int = 50) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Random blocks whose scales are finite."""
    found = np.random.default_rng(0).integers(0, 256, (count, BLOCKS[dtype][1]), dtype=np.uint8)
    # No two bytes are a half of the largest exponent.
    return found & np.uint8(0xBB)


@pytest.mark.parametrize("dtype", DECODED)
def test_there_are_as_many_numbers_as_elements(dtype: str) -> None:
    found = unpack(memoryview(blocks(dtype)).cast("B"), dtype)
    assert (found.dtype, found.shape) == (np.float64, (50 * BLOCKS[dtype][0],))
    assert len(np.unique(found)) > 2


@pytest.mark.parametrize("dtype", sorted(set(DECODED) - {"F4", "Q8_K", "U4", "I4", "U2", "I2"}))
def test_numbers_are_those_of_the_gguf_library(dtype: str) -> None:
    quants = pytest.importorskip("gguf.quants")
    data = blocks(dtype)
    with np.errstate(all="ignore"):
        expected = quants.dequantize(data, quants.GGMLQuantizationType[dtype]).reshape(-1)
    found = unpack(memoryview(data).cast("B"), dtype)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


def test_codes_of_4_bits_begin_with_the_low_ones() -> None:
    assert unpack(memoryview(b"\x21\xf7"), "F4").tolist() == [0.5, 1.0, 6.0, -6.0]


def test_integers_begin_with_the_low_bits() -> None:
    assert unpack(memoryview(b"\x21\xf8"), "U4").tolist() == [1, 2, 8, 15]
    assert unpack(memoryview(b"\x21\xf8"), "I4").tolist() == [1, 2, -8, -1]
    assert unpack(memoryview(b"\xe4"), "U2").tolist() == [0, 1, 2, 3]
    assert unpack(memoryview(b"\xe4"), "I2").tolist() == [0, 1, -2, -1]


def test_a_block_of_8_bits() -> None:
    data = np.float16(0.5).tobytes() + np.arange(-16, 16, dtype="i1").tobytes()
    assert unpack(memoryview(data), "Q8_0").tolist() == [value / 2 for value in range(-16, 16)]


def test_a_block_with_a_scale_for_256_elements() -> None:
    codes = np.arange(256).astype("u1").view("i1")
    data = np.float32(2).tobytes() + codes.tobytes() + bytes(32)
    assert unpack(memoryview(data), "Q8_K").tolist() == [2.0 * code for code in codes.tolist()]


def test_an_infinite_scale() -> None:
    data = np.float16(np.inf).tobytes() + bytes([1] * 32)
    assert np.isinf(unpack(memoryview(data), "Q8_0")).all()


def test_other_types_are_not_decoded() -> None:
    assert not is_decoded("IQ2_XXS")
    with pytest.raises(PackedValueError, match="values of IQ2_XXS are packed"):
        unpack(memoryview(bytes(66)), "IQ2_XXS")
