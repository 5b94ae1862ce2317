from __future__ import annotations

import zlib

import pytest

from git_theta.codecs.deflate import reference
from git_theta.codecs.deflate.compressor import compress


@pytest.mark.parametrize("level", [1, 4, 6, 9])
def test_the_known_streams_are_those_of_the_own_compressor(level: int) -> None:
    stream = b"".join(compress(reference.sample(), level, 1 << 20))
    assert zlib.crc32(stream) == reference._KNOWN[level]


def test_another_library_is_told_from_zlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "raw_compressor", lambda _level: zlib.compressobj(0, zlib.DEFLATED, -15))
    assert not reference.is_zlib.__wrapped__(6)
