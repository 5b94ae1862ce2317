"""Elements as float64, whatever their dtype."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.errors import CorruptError
from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.report.elements import as_float64, element_blocks, magnitudes
from tests.helpers.value_readers import cut

COMPLEX = np.array([[3, 4], [0, -2], [np.nan, np.inf], [np.inf, 1]])


@pytest.mark.parametrize("dtype", sorted(ITEM_SIZE))
def test_every_dtype_has_a_row_per_element(dtype: str) -> None:
    spec = TensorSpec(dtype, (5,))
    found = as_float64(memoryview(bytes(spec.nbytes)), spec)
    assert found.dtype == np.float64
    assert found.shape == (5, 2 if dtype.startswith("C") else 1)


def test_a_boolean_is_0_or_1() -> None:
    spec = TensorSpec("BOOL", (3,))
    assert as_float64(memoryview(b"\0\1\7"), spec).tolist() == [[0], [1], [1]]


@pytest.mark.parametrize(("dtype", "part"), [("C32", "<f2"), ("C64", "<f4"), ("C128", "<f8")])
def test_complex_numbers_have_two_parts_and_a_magnitude(dtype: str, part: str) -> None:
    block = memoryview(COMPLEX.astype(part).tobytes())
    spec = TensorSpec(dtype, (4,))
    np.testing.assert_array_equal(as_float64(block, spec), COMPLEX)
    np.testing.assert_array_equal(magnitudes(block, spec), [5, 2, np.nan, np.inf])


def test_real_numbers_keep_their_sign() -> None:
    block = memoryview(np.array([-1.5, np.nan, -np.inf], "<f2").tobytes())
    np.testing.assert_array_equal(magnitudes(block, TensorSpec("F16", (3,))), [-1.5, np.nan, -np.inf])


def test_blocks_have_as_many_elements_each() -> None:
    data = bytes(range(20))
    found = [bytes(block) for block in element_blocks(cut(data, 1, 11), TensorSpec("F32", (5,)), 2)]
    assert found == [data[:8], data[8:16], data[16:]]
    with pytest.raises(CorruptError):
        list(element_blocks(cut(data), TensorSpec("F32", (6,)), 2))
