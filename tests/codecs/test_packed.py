from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.codecs.packed import PackedReader, PackedWriter, varint
from git_theta.errors import CorruptError

dtypes = st.sampled_from(["<u1", "<u2", "<u4", "<u8"])
#: None, one that fits into most chunks several times, and odd ones.
segments = st.sampled_from([None, 1, 777, 16_384])


def coded(words: np.ndarray, segment: int | None = None) -> bytes:
    writer = PackedWriter(words.itemsize, len(words), literals=True, segment=segment)
    return b"".join(writer.frames(words))


@given(dtypes, st.integers(1, 70_000), st.integers(0, 62), st.integers(0, 9), st.booleans(), segments)
def test_words_come_back(
    dtype: str, count: int, bits: int, seed: int, literals: bool, segment: int | None
) -> None:
    count = min(count, 2000) if segment == 1 else count
    words = np.random.default_rng(seed).integers(0, 1 << bits, count, dtype=np.uint64).astype(dtype)
    writer = PackedWriter(words.itemsize, count, literals=literals, segment=segment)
    all_of_them = words, words[::-1].copy(), words[: count // 2], np.zeros_like(words)
    frames = b"".join(piece for chunk in all_of_them for piece in writer.frames(chunk))
    reader = PackedReader(memoryview(frames), segment=segment)
    for expected in all_of_them:
        found = np.full_like(expected, 255)
        reader.read(found)
        assert (found == expected).all()
    reader.end()


def test_segments_are_coded_one_by_one() -> None:
    # Zeros, pairs, quads, noise, and numbers whose lowest byte alone is zero.
    rng = np.random.default_rng(0)
    parts = [np.zeros(500), rng.integers(0, 4, 500), rng.integers(0, 16, 500), rng.integers(0, 1 << 32, 500)]
    words = np.concatenate([*parts, rng.integers(1, 9, 500) << 8, rng.integers(0, 4, 77)]).astype("<u4")
    together = coded(words, 500)
    assert together == b"".join(coded(words[at : at + 500]) for at in range(0, len(words), 500))
    found = np.empty_like(words)
    PackedReader(memoryview(together), segment=500).read(found)
    assert (found == words).all()


def test_small_numbers_are_packed() -> None:
    rng = np.random.default_rng(0)
    for most, bits in ((4, 2), (16, 4)):
        words = rng.integers(0, most, 30_001, dtype=np.uint8)
        assert len(coded(words)) < len(words) * bits / 8 + 20


def test_zeros_cost_a_byte_a_plane() -> None:
    assert coded(np.zeros(1000, "<u4")) == bytes(4)


@given(st.integers(0, 1 << 34))
def test_numbers_come_back(value: int) -> None:
    assert PackedReader(memoryview(varint(value))).varint() == value


@pytest.mark.parametrize("head", [1 << 3 | 1, 99 << 3 | 4, 99 << 3 | 2, 5 << 3 | 4, (1 << 34) << 3])
def test_heads_that_make_no_sense_are_refused(head: int) -> None:
    reader = PackedReader(memoryview(varint(head) + bytes(80)))
    with pytest.raises(CorruptError):
        reader.read(np.empty(8, np.uint8))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 9])
def test_numbers_that_break_off_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptError):
        PackedReader(memoryview(data)).varint()


def test_bytes_after_the_last_chunk_are_refused() -> None:
    with pytest.raises(CorruptError, match="3 bytes follow"):
        PackedReader(memoryview(b"abc")).end()
