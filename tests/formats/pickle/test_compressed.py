"""Compressed pickles, which are kept as they are with a note."""

from __future__ import annotations

import bz2
import gzip
import lzma
import pickle
import zlib

import numpy as np
import pytest

from git_theta import formats
from git_theta.formats.pickle.compressed import CompressedPickle
from git_theta.formats.split import OPAQUE, split

DATA = pickle.dumps({"w": np.arange(1000)}, 4)

FILES = {
    "zlib": zlib.compress(DATA),
    "gzip": gzip.compress(DATA),
    "bz2": bz2.compress(DATA),
    "xz": lzma.compress(DATA),
    "lzma": lzma.compress(DATA, lzma.FORMAT_ALONE),
    "lz4": b"\x04\x22\x4d\x18\x40\x40\xc0" + (len(DATA) + 1).to_bytes(4, "little") + b"\xf0" + DATA,
}


@pytest.mark.parametrize("method", FILES)
def test_the_note_says_why(method: str) -> None:
    found = split(memoryview(FILES[method]), formats.registry())
    assert found.format == OPAQUE
    expected = f"a pickle that's compressed by {method}, so its arrays aren't split: kept as an opaque file"
    assert found.note == expected


@pytest.mark.parametrize(
    "data", [b"", b"\x78\x9c", zlib.compress(b"text"), FILES["xz"][:12], b"BZh9", b"\x04\x22\x4d\x18"]
)
def test_other_files(data: bytes) -> None:
    assert not CompressedPickle().matches(memoryview(data))


@pytest.mark.parametrize("method", FILES)
def test_damaged_files(method: str) -> None:
    for place in range(40):
        data = bytearray(FILES[method])
        data[place] ^= 0xFF
        CompressedPickle().matches(memoryview(data))
        CompressedPickle().matches(memoryview(data[:place]))
