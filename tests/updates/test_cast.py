from __future__ import annotations

from itertools import permutations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec, numpy_dtype
from git_theta.updates.base import Pieces
from git_theta.updates.cast import Cast, cast_to
from git_theta.updates.payload import pack_header
from git_theta.updates.rounding import COMPUTABLE
from tests.helpers.weights import base_of, input_of, joined, trained

FLOATS = [name for name in COMPUTABLE if not name.startswith("C")]
PAIRS = list(permutations(FLOATS, 2))


def cast(data: bytes, source: str, dtype: str, nbytes: int) -> bytes:
    payload = memoryview(Cast().encode_between(source, dtype))
    return joined(Cast().decode(payload, [input_of(data)], nbytes))


@pytest.mark.parametrize(("source", "dtype"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_every_word_is_rounded_as_by_the_library(source: str, dtype: str) -> None:
    before, after = TensorSpec(source, (4096,)), TensorSpec(dtype, (4096,))
    words = np.random.default_rng(0).bytes(before.nbytes)
    with np.errstate(all="ignore"):
        numbers = np.frombuffer(words, numpy_dtype(source)).astype("<f8")
        by_float32 = dtype == "BF16" or dtype.startswith("F8")
        expected = (numbers.astype("<f4") if by_float32 else numbers).astype(numpy_dtype(dtype))
        found = np.frombuffer(cast(words, source, dtype, after.nbytes), numpy_dtype(dtype))
        nan = np.isnan(numbers)
        assert found[~nan].tobytes() == expected[~nan].tobytes()
        assert np.isnan(found[nan].astype("<f4")).all()


@pytest.mark.parametrize(("source", "dtype"), PAIRS, ids=["-".join(pair) for pair in PAIRS])
def test_the_bits_of_a_nan_are_the_same_everywhere(source: str, dtype: str) -> None:
    nans = np.array([np.nan, -np.nan], numpy_dtype(source)).tobytes()
    found = np.frombuffer(cast(nans, source, dtype, 2 * TensorSpec(dtype, ()).nbytes), numpy_dtype(dtype))
    assert np.isnan(found.astype("<f4")).all()
    if (source, dtype) != ("BF16", "F32"):
        assert found[:1].tobytes() == found[1:].tobytes()


def test_bfloat16_is_the_beginning_of_float32_whatever_its_bits() -> None:
    every = np.arange(1 << 16, dtype="<u2")
    wide = np.frombuffer(cast(every.tobytes(), "BF16", "F32", 4 << 16), "<u4")
    assert (wide == every.astype("<u4") << 16).all()


@pytest.mark.parametrize(("source", "dtype"), list(permutations(("C32", "C64", "C128"), 2)))
def test_parts_of_complex_numbers_are_rounded(source: str, dtype: str) -> None:
    spec = TensorSpec({"C32": "F16", "C64": "F32", "C128": "F64"}[source], (10,))
    part = {"C32": "<f2", "C64": "<f4", "C128": "<f8"}[dtype]
    data = trained(spec)
    expected = np.frombuffer(data, numpy_dtype(spec.dtype)).astype(part).tobytes()
    assert cast(data, source, dtype, len(expected)) == expected


def test_a_large_value_is_cast_in_pieces() -> None:
    spec = TensorSpec("F32", (300_001,))
    data = trained(spec)
    expected = np.frombuffer(data, "<f4").astype(ml_dtypes.bfloat16).tobytes()
    base = cast_to(base_of(data, spec), "BF16")
    assert base.spec == TensorSpec("BF16", spec.shape)
    assert joined(base.read(len(expected))) == expected


def test_only_floats_of_two_dtypes_are_cast() -> None:
    def accepts(dtype: str, count: int, source: str, other: int) -> bool:
        return Cast().accepts(TensorSpec(dtype, (count,)), TensorSpec(source, (other,)))

    assert accepts("BF16", 4, "F32", 4)
    assert Cast().accepts(TensorSpec("C64", (2, 2)), TensorSpec("C128", (4,)))
    for case in [("F32", 4, "F32", 4), ("BF16", 4, "F32", 5), ("F32", 4, "I32", 4), ("C64", 4, "F32", 4)]:
        assert not accepts(*case)
    assert not accepts("BF16", 0, "F32", 0)
    base = base_of(bytes(16), TensorSpec("I32", (4,)))
    assert cast_to(base, "F32") is base


@given(st.binary(max_size=60))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(CorruptError):
        list(Cast().decode(memoryview(junk), [input_of(bytes(8))], 8))


@pytest.mark.parametrize(
    "header",
    [
        {"dtype": "F32"},
        {"dtype": "F32", "from": "F32"},
        {"dtype": "F32", "from": "I32"},
        {"dtype": "I32", "from": "F32"},
        {"dtype": ["F32"], "from": "BF16"},
        {"dtype": "F32", "from": {}},
        {"dtype": "C64", "from": "F32"},
    ],
)
def test_made_up_types_are_refused(header: dict[str, object]) -> None:
    with pytest.raises(CorruptError):
        list(Cast().decode(memoryview(pack_header({"update": "cast", **header})), [input_of(bytes(8))], 8))


def test_a_base_of_another_size_is_refused() -> None:
    def shorter(_nbytes: int) -> Pieces:
        yield memoryview(bytes(6))

    payload = memoryview(Cast().encode_between("BF16", "F32"))
    with pytest.raises(CorruptError):
        list(Cast().decode(payload, [shorter], 16))
