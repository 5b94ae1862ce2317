from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.codecs.frames import LENGTH, Reader, Writer, general, literals_only
from git_theta.errors import CorruptError

dtypes = st.sampled_from(["<u1", "<u2", "<u4", "<u8"])
kinds = st.tuples(dtypes, st.integers(1, 70_000), st.integers(0, 62), st.integers(0, 9))


@given(kinds, st.booleans(), st.booleans())
def test_words_come_back(kind: tuple[str, int, int, int], pack: bool, floats: bool) -> None:
    dtype, count, bits, seed = kind
    words = np.random.default_rng(seed).integers(0, 1 << bits, count, dtype=np.uint64).astype(dtype)
    widths = (1,) * words.dtype.itemsize
    writer = Writer(widths, count, literals_only(17) if floats else general(), pack=pack)
    both = words, words[::-1].copy()
    frames = b"".join(bytes(piece) for chunk in both for piece in writer.frames(chunk))
    reader = Reader(memoryview(frames))
    for expected in both:
        found = np.zeros_like(words)
        reader.read(found)
        assert (found == expected).all()
    reader.end()


def test_small_numbers_are_packed() -> None:
    rng = np.random.default_rng(0)
    for most, bits in ((4, 2), (16, 4)):
        words = rng.integers(0, most, 30_001, dtype=np.uint8)
        frames = b"".join(map(bytes, Writer((1,), len(words), general(), pack=True).frames(words)))
        assert len(frames) < len(words) * bits / 8 + 20


@pytest.mark.parametrize("number", [3 << 29 | 1, 1 << 31 | 5, 1 << 29 | 1 << 31 | 7, 2 << 29 | 4])
def test_flags_that_make_no_sense_are_refused(number: int) -> None:
    reader = Reader(memoryview(LENGTH.pack(number) + bytes(100)))
    with pytest.raises(CorruptError):
        reader.read(np.zeros(8, np.uint8))
