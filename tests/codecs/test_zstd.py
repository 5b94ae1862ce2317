from __future__ import annotations

import os

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from git_theta.codecs.zstd import compress, decompress
from git_theta.errors import CorruptError

_MAGIC = b"\x28\xb5\x2f\xfd"


@given(st.binary(max_size=200), st.integers(1, 2000), st.booleans(), st.booleans())
def test_planes_come_back(data: bytes, times: int, literals: bool, magic: bool) -> None:
    plane = data * times
    frame = compress(memoryview(plane), literals=literals, magic=magic)
    if frame is not None:
        assert len(frame) < len(plane)
        assert frame.startswith(_MAGIC) == magic
        assert decompress(memoryview(frame), len(plane), magic=magic) == plane


@pytest.mark.parametrize("size", [100, 1 << 18])
def test_noise_is_not_compressed(size: int) -> None:
    assert compress(memoryview(os.urandom(size)), literals=True, magic=True) is None


@pytest.mark.parametrize("magic", [False, True])
def test_a_frame_that_claims_a_size_is_refused(magic: bool) -> None:
    frame = _MAGIC * magic + b"\xe0" + (1 << 60).to_bytes(8, "little") + bytes(30)
    with pytest.raises(CorruptError, match="a size of its own"):
        decompress(memoryview(frame), 64, magic=magic)


@pytest.mark.parametrize("size", [999, 1001])
def test_another_size_is_refused(size: int) -> None:
    frame = compress(memoryview(bytes(1000)), literals=True, magic=False)
    assert frame
    with pytest.raises(CorruptError):
        decompress(memoryview(frame), size, magic=False)


@pytest.mark.parametrize("frame", [b"", b"\x28", _MAGIC, _MAGIC + b"\x00", bytes(range(40))])
def test_other_bytes_than_a_frame_are_refused(frame: bytes) -> None:
    with pytest.raises(CorruptError):
        decompress(memoryview(frame), 10, magic=True)


def test_a_longer_window_than_any_plane_needs_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, write_content_size=False)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = stream.compress(os.urandom(1000)) + stream.flush()
    with pytest.raises(CorruptError):
        decompress(memoryview(frame), 1000, magic=True)
