from __future__ import annotations

import zlib
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.codecs.deflate.compressor import compress
from git_theta.codecs.deflate.reference import is_zlib, raw_compressor, sample
from git_theta.model.tensor import TensorSpec
from tests.helpers.weights import trained

needs_zlib = pytest.mark.skipif(
    not all(map(is_zlib, range(1, 10))), reason="Python's zlib is another library"
)

NOISE = np.random.default_rng(0).bytes(70_000)
FIBONACCI = [1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584, 4181]


def by_zlib(data: bytes, level: int) -> bytes:
    compressor = raw_compressor(level)
    return compressor.compress(data) + compressor.flush()


def own(data: bytes, level: int, chunk: int = 1 << 20) -> bytes:
    return b"".join(compress(data, level, chunk))


@needs_zlib
@pytest.mark.parametrize("level", range(1, 10))
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"a",
        b"a" * 1000,
        bytes(70_000) + NOISE + b"abc" * 9000 + NOISE[:40_000] + bytes(9000),
        trained(TensorSpec("F32", (9000,))),
        trained(TensorSpec("BF16", (9000,))),
        " ".join(map(repr, np.random.default_rng(1).standard_normal(3000).tolist())).encode(),
    ],
    ids=["empty", "byte", "run", "mixed", "float32", "bfloat16", "text"],
)
def test_streams_are_those_of_zlib(data: bytes, level: int) -> None:
    assert own(data, level) == by_zlib(data, level)


@needs_zlib
@given(st.lists(st.sampled_from([b"ab", b"abc", b"q", b"\0\0\0", NOISE[:9], NOISE[5:300]]), max_size=400))
def test_any_stream_is_that_of_zlib(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    for level in (1, 4, 9):
        assert own(data, level) == by_zlib(data, level)


@needs_zlib
def test_codes_longer_than_allowed_are_shortened_as_by_zlib() -> None:
    data = np.frombuffer(b"".join(bytes([n]) * count for n, count in enumerate(FIBONACCI)), np.uint8).copy()
    np.random.default_rng(3).shuffle(data)
    for level in (1, 6):
        assert own(data.tobytes(), level) == by_zlib(data.tobytes(), level)


def test_streams_can_be_expanded_by_anyone() -> None:
    data = sample()[:60_000]
    for level in (1, 6, 9):
        assert zlib.decompressobj(-15).decompress(own(data, level)) == data


@needs_zlib
def test_the_chunks_that_zlib_is_given_do_not_matter() -> None:
    data = bytes(chain(NOISE, trained(TensorSpec("F32", (9000,))), NOISE[:5000]))
    assert own(data, 6, 1000) == own(data, 6)
