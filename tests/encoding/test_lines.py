from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from git_theta.encoding.lines import Lines, as_numbers
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base
from tests.helpers.weights import base_of

MATRIX = np.random.default_rng(0).standard_normal((300, 96)).astype("<f4")


def of(matrix: np.ndarray, dtype: str = "F32") -> Base:
    return base_of(matrix.tobytes(), TensorSpec(dtype, matrix.shape))


@pytest.mark.parametrize("length", [1, 8, 96, 960])
def test_rows_are_of_any_length(length: int) -> None:
    lines = Lines(of(MATRIX), length)
    expected = MATRIX.reshape(-1, length)
    assert (lines.count, lines.step, lines.element_step) == (len(expected), length, 1)
    found = lines.features()
    assert (found[:, : min(32, length)] == expected[:, :32]).all()
    assert found.shape == (len(expected), min(64, length))
    assert (lines.first_features(3) == found[:3]).all()


def test_columns_are_the_rows_of_the_transposed_matrix() -> None:
    lines = Lines(of(MATRIX), 300, are_columns=True)
    assert (lines.count, lines.step, lines.element_step) == (96, 1, 96)
    assert (lines.features() == Lines(of(MATRIX.T), 300).features()).all()


def test_elements_of_every_dtype_are_numbers() -> None:
    numbers = np.array([1.0, -2.0, 0.5, 0.0], "<f4")
    for dtype, of_type in (("F16", "<f2"), ("F64", "<f8"), ("BF16", ml_dtypes.bfloat16), ("F32", "<f4")):
        data = numbers.astype(of_type).tobytes()
        words = np.frombuffer(data, f"<u{len(data) // 4}")
        assert as_numbers(words, dtype).tolist() == numbers.tolist()
    assert as_numbers(np.array([255, 1], "u1"), "I8").tolist() == [-1, 1]
    assert as_numbers(np.array([5, 6], "<u8"), "C64").tolist() == [0, 0]
    strange = np.array([np.nan, np.inf, -np.inf], "<f4").view("<u4")
    assert as_numbers(strange, "F32").tolist() == [0, 0, 0]
