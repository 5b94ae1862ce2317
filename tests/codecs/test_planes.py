from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.codecs.planes import CHUNK, Planes
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from tests.helpers.codec_contract import check_codec
from tests.helpers.generators import dtypes


def encode(value: bytes, dtype: str) -> bytes:
    plugin = Planes()
    return b"".join(map(bytes, plugin.encode(memoryview(value), plugin.params(TensorSpec(dtype, ())))))


def decode(data: bytes, dtype: str, nbytes: int) -> bytes:
    plugin = Planes()
    return b"".join(map(bytes, plugin.decode(memoryview(data), plugin.params(TensorSpec(dtype, ())), nbytes)))


def test_contract() -> None:
    check_codec(Planes())


@given(dtypes, st.binary(max_size=4096))
def test_decode_of_encode_is_the_identity(dtype: str, data: bytes) -> None:
    value = data[: len(data) // 16 * 16]
    assert decode(encode(value, dtype), dtype, len(value)) == value


@given(st.binary(max_size=300), st.integers(0, 600))
def test_junk_gives_an_error_or_the_right_size(data: bytes, words: int) -> None:
    try:
        decoded = decode(data, "F32", words * 4)
    except CorruptError:
        return
    assert len(decoded) == words * 4


@pytest.mark.parametrize(("dtype", "share"), [("<f4", 0.86), ("<f2", 0.90)])
def test_weights_shrink(dtype: str, share: float) -> None:
    values = (np.random.default_rng(0).standard_normal(200_000) * 0.02).astype(dtype).tobytes()
    name = {"<f4": "F32", "<f2": "F16"}[dtype]
    assert len(encode(values, name)) < share * len(values)


def test_noise_grows_by_no_more_than_the_frames() -> None:
    value = np.random.default_rng(0).bytes(3 * CHUNK)
    assert len(encode(value, "F32")) <= len(value) + 3 * 3 * 4


def test_zeros_nearly_vanish() -> None:
    assert len(encode(bytes(4 * CHUNK), "F32")) < 2000


def test_a_bomb_is_refused() -> None:
    bomb = encode(bytes(CHUNK), "U8")
    with pytest.raises(CorruptError):
        decode(bomb, "U8", 1000)


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F64", "I32"])
def test_words_that_are_not_aligned(dtype: str) -> None:
    value = np.random.default_rng(0).bytes(2 * CHUNK + 800)
    planes, params = Planes(), Planes().params(TensorSpec(dtype, ()))
    for shift in range(1, 8):
        shifted = memoryview(bytes(shift) + value)[shift:]
        assert b"".join(map(bytes, planes.encode(shifted, params))) == encode(value, dtype)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"word": 3, "float": True, "planes": [3]},
        {"word": 4, "float": 1, "planes": [4]},
        {"word": 4, "float": True, "planes": [1, 1]},
        {"word": 4, "float": True, "planes": []},
        {"word": [], "float": True, "planes": []},
        {"word": 4, "float": True, "planes": [[], 4]},
    ],
)
def test_senseless_parameters_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(CorruptError):
        list(Planes().decode(memoryview(b""), params, 4))


@pytest.mark.parametrize("dtype", ["F32", "BF16", "U8"])
@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 0), (0, 8), (16, CHUNK), (CHUNK, 2 * CHUNK), (CHUNK - 8, CHUNK + 8), (2 * CHUNK, 2 * CHUNK + 8)],
)
def test_a_part_is_decoded_by_itself(dtype: str, start: int, end: int) -> None:
    value = np.random.default_rng(0).bytes(2 * CHUNK + 800)
    planes, data = Planes(), memoryview(encode(value, dtype))
    params = planes.params(TensorSpec(dtype, ()))
    part = planes.decode_part(data, params, len(value), start, end)
    assert b"".join(map(bytes, part)) == value[start:end]
    with pytest.raises(CorruptError):
        list(planes.decode_part(data[:1000], params, len(value), CHUNK, 2 * CHUNK))
