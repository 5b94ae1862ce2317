from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.codecs.frames import Reader, Writer, number
from git_theta.errors import CorruptError

dtypes = st.sampled_from(["<u1", "<u2", "<u4", "<u8"])
kinds = st.tuples(dtypes, st.integers(1, 70_000), st.integers(0, 62), st.integers(0, 9))


@given(kinds, st.booleans(), st.booleans())
def test_words_come_back(kind: tuple[str, int, int, int], packed: bool, floats: bool) -> None:
    dtype, count, bits, seed = kind
    words = np.random.default_rng(seed).integers(0, 1 << bits, count, dtype=np.uint64).astype(dtype)
    widths = (1,) * words.dtype.itemsize
    writer = Writer(widths, count, literals=floats, packed=packed)
    both = words, words[::-1].copy()
    frames = b"".join(bytes(piece) for chunk in both for piece in writer.frames(chunk))
    reader = Reader(memoryview(frames), packed=packed)
    for expected in both:
        found = np.zeros_like(words)
        reader.read(found)
        assert (found == expected).all()
    reader.end()


def test_small_numbers_are_packed() -> None:
    rng = np.random.default_rng(0)
    for most, bits in ((4, 2), (16, 4)):
        words = rng.integers(0, most, 30_001, dtype=np.uint8)
        frames = b"".join(map(bytes, Writer((1,), len(words), literals=False, packed=True).frames(words)))
        assert len(frames) < len(words) * bits / 8 + 20


@pytest.mark.parametrize("packed", [False, True])
def test_a_frame_that_claims_a_size_is_refused(packed: bool) -> None:
    claim = b"\xe0" + (1 << 60).to_bytes(8, "little") + bytes(30)
    frame = claim if packed else b"\x28\xb5\x2f\xfd" + claim
    head = number(len(frame) << 3) if packed else len(frame).to_bytes(4, "little")
    with pytest.raises(CorruptError, match="claims a size"):
        Reader(memoryview(head + frame), packed=packed).read(np.zeros(64, np.uint8))


@given(st.integers(0, 1 << 34))
def test_numbers_come_back(value: int) -> None:
    assert Reader(memoryview(number(value)), packed=True).number() == value


@pytest.mark.parametrize("head", [1 << 3 | 1, 99 << 3 | 4, 99 << 3 | 2, 5 << 3 | 4, (1 << 34) << 3])
def test_heads_that_make_no_sense_are_refused(head: int) -> None:
    reader = Reader(memoryview(number(head) + bytes(80)), packed=True)
    with pytest.raises(CorruptError):
        reader.read(np.zeros(8, np.uint8))


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 9])
def test_numbers_that_break_off_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptError):
        Reader(memoryview(data), packed=True).number()
