from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.codecs.frames import PlaneReader, PlaneWriter
from git_theta.errors import CorruptError

#: Words and planes that they can be cut into.
shapes = st.sampled_from(
    [
        ("<u1", (1,)),
        ("<u2", (1, 1)),
        ("<u2", (2,)),
        ("<u4", (1, 1, 2)),
        ("<u8", (1, 1, 2, 4)),
        ("<u8", (1,) * 8),
    ]
)


@given(shapes, st.integers(1, 70_000), st.integers(0, 62), st.integers(0, 9), st.booleans())
def test_words_come_back(
    shape: tuple[str, tuple[int, ...]], count: int, bits: int, seed: int, literals: bool
) -> None:
    dtype, widths = shape
    words = np.random.default_rng(seed).integers(0, 1 << bits, count, dtype=np.uint64).astype(dtype)
    writer = PlaneWriter(widths, count, literals=literals)
    both = words, words[::-1].copy()
    frames = b"".join(bytes(piece) for chunk in both for piece in writer.frames(chunk))
    reader = PlaneReader(memoryview(frames))
    for expected in both:
        found = np.empty_like(words)
        reader.read(found, widths)
        assert (found == expected).all()
    reader.end()


@pytest.mark.parametrize("frames", [b"", b"\0\0\0", b"\x09\0\0\x80" + bytes(8), b"\x07\0\0\x80" + bytes(8)])
def test_planes_that_break_off_are_refused(frames: bytes) -> None:
    with pytest.raises(CorruptError, match="ends early"):
        PlaneReader(memoryview(frames)).read(np.empty(8, np.uint8), (1,))


def test_bytes_after_the_last_chunk_are_refused() -> None:
    with pytest.raises(CorruptError, match="3 bytes follow"):
        PlaneReader(memoryview(b"abc")).end()
