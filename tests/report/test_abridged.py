"""The elements that numpy prints of a value."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.report.abridged import abridged
from tests.helpers.value_readers import cut


@pytest.mark.parametrize(
    "shape", [(), (0,), (0, 1 << 40), (3,), (1000,), (1001,), (5000,), (50, 60), (2, 3, 500), (7, 8, 9, 6)]
)
def test_abridged_arrays_print_as_whole_ones_do(shape: tuple[int, ...]) -> None:
    array = np.arange(math.prod(shape), dtype="<i4").reshape(shape)
    kept, less = abridged(cut(array.tobytes(), array.nbytes // 3), TensorSpec("I32", shape))
    assert less == (array.size > 1000)
    assert np.array2string(kept, threshold=0 if less else 1000).split() == np.array2string(array).split()


def test_many_dimensions_are_kept_as_a_vector() -> None:
    kept, less = abridged(cut(bytes(1 << 15)), TensorSpec("U8", (2,) * 15))
    assert (kept.shape, less) == ((7,), True)


@given(st.binary(max_size=96), st.sampled_from(sorted(ITEM_SIZE)), st.data())
def test_a_short_value_is_whole_wherever_its_pieces_are_cut(
    data: bytes, dtype: str, draw: st.DataObject
) -> None:
    data = data[: len(data) - len(data) % ITEM_SIZE[dtype]]
    spec = TensorSpec(dtype, (len(data) // ITEM_SIZE[dtype],))
    places = sorted(draw.draw(st.lists(st.integers(0, len(data)), max_size=5)))
    kept, less = abridged(cut(data, *places), spec)
    assert kept.tobytes() == data
    assert not less


@pytest.mark.parametrize("size", [7, 9, 0])
def test_another_number_of_bytes_is_refused(size: int) -> None:
    with pytest.raises(CorruptError, match="another size than 8 bytes"):
        abridged(cut(bytes(size)), TensorSpec("F32", (2,)))
