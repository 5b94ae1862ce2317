from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.updates.residual import ResidualReader, ResidualWriter
from tests.helpers.weights import joined


@given(st.sampled_from(sorted(ITEM_SIZE)), st.integers(0, 1 << 32), st.integers(1, 300))
def test_chunks_come_back_exactly(dtype: str, seed: int, count: int) -> None:
    spec = TensorSpec(dtype, (count,))
    random = np.random.default_rng(seed)
    words = [np.frombuffer(random.bytes(spec.nbytes), f"<u{spec.word_size}") for _ in range(3)]
    pairs = [(words[0], words[1]), (words[1], words[1]), (words[2], words[0])]
    writer = ResidualWriter(spec, len(words[0]))
    data = b"".join(joined(writer.frames(value, prediction)) for value, prediction in pairs)
    reader = ResidualReader(memoryview(data), spec)
    for value, prediction in pairs:
        assert np.array_equal(reader.apply(prediction), value)
    reader.end()


def test_an_exact_prediction_is_one_byte() -> None:
    spec = TensorSpec("F32", (1000,))
    words = np.arange(1000, dtype="<u4")
    writer = ResidualWriter(spec, 1000)
    assert joined(writer.frames(words, words)) == b"\0"
    near = joined(writer.frames(words + np.uint32(1), words))
    assert 1 < len(near) < 300


def test_bytes_that_are_left_are_an_error() -> None:
    reader = ResidualReader(memoryview(b"\0\0"), TensorSpec("F32", (1,)))
    reader.apply(np.zeros(1, "<u4"))
    with pytest.raises(CorruptError, match="follow the last chunk"):
        reader.end()
