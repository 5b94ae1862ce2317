from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from git_theta.errors import CorruptError
from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.updates.dense import Dense
from git_theta.updates.residual import ResidualReader, ResidualWriter
from tests.helpers.weights import joined, trained, tuned


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


def chunk(spec: TensorSpec, *parts: tuple[bytes, slice]) -> NDArray[Any]:
    """Words that are taken from several values, each at some places."""
    words = np.frombuffer(parts[0][0], f"<u{spec.word_size}").copy()
    for data, places in parts[1:]:
        words[places] = np.frombuffer(data, words.dtype)[places]
    return words


def size_of(value: NDArray[Any], prediction: NDArray[Any], spec: TensorSpec) -> float:
    """The share that the residual takes, after it was decoded to the value."""
    data = joined(ResidualWriter(spec, len(value)).frames(value, prediction))
    reader = ResidualReader(memoryview(data), spec)
    assert np.array_equal(reader.apply(prediction), value)
    reader.end()
    return len(data) / value.nbytes


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16", "F64", "C64"])
def test_blocks_cost_what_each_is(dtype: str) -> None:
    spec = TensorSpec(dtype, (65_537,))
    part = TensorSpec({"C64": "F32"}.get(dtype, dtype), (spec.nbytes // spec.word_size,))
    old, other = trained(part), trained(part, 9)
    near = tuned(old, part, 1e-5)
    count = part.count
    prediction = chunk(part, (old, slice(0)))
    new_rows = chunk(part, (old, slice(0)), (other, slice(0, count // 4)))
    dense = len(joined(Dense().encode(memoryview(other), part))) / part.nbytes
    assert size_of(new_rows, prediction, spec) < 0.27 * dense
    # Of the tuned and the new rows together, each costs about what it would alone.
    both = chunk(part, (near, slice(0)), (other, slice(0, count // 4)))
    alone = size_of(chunk(part, (near, slice(0))), prediction, spec)
    assert size_of(both, prediction, spec) < 0.28 * dense + 0.78 * alone


def test_integers_have_blocks_too() -> None:
    spec = TensorSpec("U8", (1 << 20,))
    text = b"".join(b"line %d of a text\n" % at for at in range(1 << 16))[: spec.nbytes]
    old = np.frombuffer(np.random.default_rng(0).bytes(spec.nbytes), "u1")
    new = old.copy()
    new[: 1 << 19] = np.frombuffer(text, "u1")[: 1 << 19]
    assert size_of(new, old, spec) < 0.15


def test_a_chunk_of_near_blocks_is_as_it_was() -> None:
    spec = TensorSpec("F32", (65_537,))
    old = trained(spec)
    prediction, value = (np.frombuffer(data, "<u4") for data in (old, tuned(old, spec)))
    data = joined(ResidualWriter(spec, len(value)).frames(value, prediction))
    assert data[0] == 1


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16", "F64"])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("share", [0.03, 0.5, 0.9])
def test_pruned_words_cost_their_mask(dtype: str, share: float, signed: bool) -> None:
    spec = TensorSpec(dtype, (65_537,))
    old = np.frombuffer(trained(spec), f"<u{spec.word_size}")
    sign = old.dtype.type(1 << 8 * spec.word_size - 1)
    zeros = old & sign if signed else np.zeros_like(old)
    magnitude = old & ~sign
    largest = magnitude > np.quantile(magnitude, share)
    assert size_of(np.where(largest, old, zeros), old, spec) < 0.002
    drawn = np.random.default_rng(0).random(len(old)) >= share
    bits = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
    assert size_of(np.where(drawn, old, zeros), old, spec) < 1.04 * bits / (8 * spec.word_size) + 0.0003


def test_pruned_and_tuned_words_cost_both() -> None:
    spec = TensorSpec("F32", (65_537,))
    old = np.frombuffer(trained(spec), "<u4")
    near = np.frombuffer(tuned(old.tobytes(), spec), "<u4")
    half = (old << 1) > np.quantile(old << 1, 0.5)
    # The larger half has the smaller steps.
    assert size_of(np.where(half, near, 0).astype("<u4"), old, spec) < 0.5 * size_of(near, old, spec) + 0.001


def test_pruned_integers() -> None:
    spec = TensorSpec("I8", (100_000,))
    rng = np.random.default_rng(0)
    old = rng.integers(1, 255, spec.count).astype("u1")
    assert size_of(np.where(rng.random(spec.count) < 0.1, 0, old).astype("u1"), old, spec) < 0.065


@pytest.mark.parametrize("data", [b"\13", b"\7\1\15\1\0", b"\7\2\0\0", b"\3\0\3\0\0", b"\2\15\3", b"\2\14\3"])
def test_unknown_kinds_are_refused(data: bytes) -> None:
    reader = ResidualReader(memoryview(data), TensorSpec("F32", (1,)))
    with pytest.raises(CorruptError):
        reader.apply(np.ones(1, "<u4"))


def test_bytes_that_are_left_are_an_error() -> None:
    reader = ResidualReader(memoryview(b"\0\0"), TensorSpec("F32", (1,)))
    reader.apply(np.zeros(1, "<u4"))
    with pytest.raises(CorruptError, match="follow the last chunk"):
        reader.end()
