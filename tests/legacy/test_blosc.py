from __future__ import annotations

import struct
import sys

import numpy as np
import pytest

from git_theta.legacy import LegacyError
from git_theta.legacy.blosc import decompress_blosc
from tests.helpers.legacy_arrays import blosc_frame, numcodecs_blosc


def test_damaged_and_other_frames_are_refused() -> None:
    good = blosc_frame(np.arange(1000, dtype="<f4"))
    assert bytes(decompress_blosc(good, 4000)) == np.arange(1000, dtype="<f4").tobytes()
    other = bytes(numcodecs_blosc.compress(np.arange(1000, dtype="<f4"), b"zstd", 5, 1))
    huge = good[:4] + struct.pack("<I", 1 << 30) + good[8:]
    for bad, size in [
        (b"", 4000),
        (good[:15], 4000),
        (good, 3999),
        (good + b"x", 4000),
        (b"\3" + good[1:], 4000),
        (other, 4000),
        (huge, 1 << 30),
        (good[:8] + struct.pack("<I", 0xFFFFFFFF) + good[12:], 4000),
        (good[:16] + bytes(len(good) - 16), 4000),
    ]:
        with pytest.raises(LegacyError):
            decompress_blosc(bad, size)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    good = blosc_frame(np.ones(3))
    monkeypatch.setitem(sys.modules, "numcodecs.blosc", None)
    with pytest.raises(LegacyError, match="needs the package numcodecs") as caught:
        decompress_blosc(good, 24)
    assert "git-theta[migrate]" in caught.value.hint
