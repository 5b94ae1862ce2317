from __future__ import annotations

from collections.abc import Iterator

import ml_dtypes
import numpy as np
import pytest

from git_theta.model.strided import temporary_file
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.array_sources import ArraySource, InMemory, StoredTensor

COUNT = 70_001


def everything(source: ArraySource, size: int = 1 << 15) -> np.ndarray:
    blocks = [block.copy() for block in source.blocks(size)]
    assert all(len(block) == size for block in blocks[:-1])
    return np.concatenate(blocks)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ml_dtypes.bfloat16])
def test_an_array_is_read_as_float64(dtype: str) -> None:
    array = np.arange(6).astype(dtype).reshape(2, 3).T
    source = InMemory(array)
    assert source.shape == (3, 2)
    assert everything(source, 4).tolist() == [0, 3, 1, 4, 2, 5]


def test_a_stored_tensor_is_decoded_at_each_read_until_it_is_cached() -> None:
    data, reads = np.arange(COUNT, dtype="f4").tobytes(), []

    def read(nbytes: int) -> Iterator[memoryview]:
        reads.append(nbytes)
        return iter([memoryview(data)])

    source = StoredTensor(read, TensorSpec("F32", (COUNT,)), temporary_file)
    for _ in range(2):
        assert (everything(source) == np.arange(COUNT)).all()
    source.cache()
    source.cache()
    assert (everything(source) == np.arange(COUNT)).all()
    assert len(reads) == 3


def test_complex_numbers_are_pairs() -> None:
    data = np.array([1 + 2j, 3 + 4j], "c8").tobytes()
    source = StoredTensor(lambda _nbytes: iter([memoryview(data)]), TensorSpec("C64", (2,)), temporary_file)
    assert source.shape == (2, 2)
    assert everything(source, 4).tolist() == [1, 2, 3, 4]
