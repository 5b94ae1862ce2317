from __future__ import annotations

from collections.abc import Sequence

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec, numpy_dtype
from git_theta.updates import registry
from git_theta.updates.base import Input
from git_theta.updates.payload import pack_header
from git_theta.updates.program import Program
from git_theta.updates.recipe import Recipe
from git_theta.updates.rounding import COMPUTABLE, round_to, widen

MEAN = Program((("input", 0), ("input", 1), ("add", 0, 1), ("number", 2.0), ("div", 2, 3)))


def value(data: bytes, size: int = 1003) -> Input:
    return lambda _nbytes: (memoryview(data)[at : at + size] for at in range(0, len(data), size))


def decoded(payload: bytes, inputs: Sequence[bytes], nbytes: int) -> bytes:
    values = [value(each) for each in inputs]
    return b"".join(map(bytes, Recipe().decode(memoryview(payload), values, nbytes)))


def weights(dtype: str, seed: int, count: int) -> bytes:
    words = TensorSpec(dtype, ()).item_size // TensorSpec(dtype, ()).word_size
    return round_to(np.random.default_rng(seed).normal(size=count * words), dtype).tobytes()


def test_it_is_an_update() -> None:
    assert registry().get("recipe").name == "recipe"


@pytest.mark.parametrize("dtype", COMPUTABLE)
@pytest.mark.parametrize("count", [0, 1, 70_001])
def test_the_mean_is_rounded_once(dtype: str, count: int) -> None:
    one, other = weights(dtype, 0, count), weights(dtype, 1, count)
    unsigned = f"<u{TensorSpec(dtype, ()).word_size}"
    numbers = [widen(np.frombuffer(each, unsigned), dtype) for each in (one, other)]
    expected = round_to((numbers[0] + numbers[1]) / 2, dtype).tobytes()
    payload = Recipe().encode_with(MEAN, dtype)
    assert decoded(payload, [one, other], len(one)) == expected
    assert decoded(payload, [one, one], len(one)) == one


@pytest.mark.parametrize("dtype", [name for name in COMPUTABLE if name.startswith("F8")])
def test_small_floats_round_to_nearest_by_way_of_float32(dtype: str) -> None:
    every = np.arange(256, dtype=np.uint8)
    numbers = widen(every, dtype)
    finite = np.isfinite(numbers)
    assert (round_to(numbers[finite], dtype) == every[finite]).all()
    line = np.unique(numbers[finite])
    middles = (line[1:] + line[:-1]) / 2
    nearest = widen(round_to(middles, dtype), dtype)
    assert np.isin(nearest, line).all()
    # Of two that are equally near, the one whose last bit is 0.
    assert not (round_to(middles[middles > 0], dtype) & 1).any()
    above = widen(
        round_to(np.nextafter(middles.astype("<f4"), np.float32(np.inf)).astype("<f8"), dtype), dtype
    )
    assert (above == line[1:]).all()
    huge = widen(round_to(np.array([1e6, -1e300]), dtype), dtype)
    assert not np.isfinite(huge).any()
    assert numpy_dtype(dtype) == np.dtype(getattr(ml_dtypes, numpy_dtype(dtype).name))


@given(data=st.binary(max_size=4 * 60), cut=st.integers(1, 50))
def test_the_result_does_not_depend_on_how_inputs_are_cut(data: bytes, cut: int) -> None:
    data = data[: len(data) // 4 * 4]
    payload = memoryview(Recipe().encode_with(Program((("input", 0), ("neg", 0))), "F32"))
    parts = b"".join(map(bytes, Recipe().decode(payload, [value(data, cut)], len(data))))
    assert parts == b"".join(map(bytes, Recipe().decode(payload, [value(data)], len(data))))


def test_a_recipe_without_inputs() -> None:
    payload = Recipe().encode_with(Program((("uniform", 1),)), "F64")
    assert len(set(np.frombuffer(decoded(payload, [], 8 * 1000), "<f8").tolist())) == 1000


def test_one_payload_serves_values_of_every_shape() -> None:
    payload = Recipe().encode_with(MEAN, "BF16")
    for count in (1, 5):
        one = weights("BF16", 0, count)
        assert decoded(payload, [one, one], len(one)) == one


PAYLOAD = Recipe().encode_with(MEAN, "F32")
PROGRAM = MEAN.field()


@pytest.mark.parametrize(
    ("payload", "sizes", "nbytes"),
    [
        (PAYLOAD, [8], 8),
        (PAYLOAD, [8, 8, 8], 8),
        (PAYLOAD, [8, 4], 8),
        (PAYLOAD, [8, 12], 8),
        (PAYLOAD, [7, 7], 7),
        (PAYLOAD[:-3], [8, 8], 8),
        (PAYLOAD + b"x", [8, 8], 8),
        (pack_header({"update": "dense", "dtype": "F32", "program": PROGRAM}), [8, 8], 8),
        (pack_header({"update": "recipe", "dtype": "I32", "program": PROGRAM}), [8, 8], 8),
        (pack_header({"update": "recipe", "dtype": "F8_E8M0", "program": PROGRAM}), [8, 8], 8),
        (pack_header({"update": "recipe", "dtype": ["F32"], "program": PROGRAM}), [8, 8], 8),
        (pack_header({"update": "recipe", "program": PROGRAM}), [8, 8], 8),
        (pack_header({"update": "recipe", "dtype": "F32"}), [8, 8], 8),
        (b"", [8, 8], 8),
    ],
)
def test_invalid_payloads_are_refused(payload: bytes, sizes: list[int], nbytes: int) -> None:
    with pytest.raises(CorruptError):
        decoded(payload, [bytes(size) for size in sizes], nbytes)


def test_there_is_always_a_payload() -> None:
    with pytest.raises(CorruptError):
        Recipe().decode(None, [], 0).__next__()
