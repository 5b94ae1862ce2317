from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Pieces, UnsuitableError
from git_theta.updates.payload import pack_header
from git_theta.updates.quantisation import Quantisation
from git_theta.updates.scaled_cast import ScaledCast
from tests.helpers.weights import base_of, input_of, joined, trained

SPEC = TensorSpec("I8", (70, 96))
NUMBERS = TensorSpec("F32", SPEC.shape)


def payload(scaling: Quantisation, scales: NDArray[np.float32], spec: TensorSpec = SPEC) -> memoryview:
    words = np.ascontiguousarray(scales, "<f4").view("<u4")
    return memoryview(ScaledCast().encode_scaling(scaling, words, spec, "F32"))


@pytest.mark.parametrize("block", [(70, 96), (1, 96), (70, 1), (1, 32), (32, 40)])
def test_blocks_share_a_scale(block: tuple[int, int]) -> None:
    rows, columns = block
    scaling = Quantisation(rows, columns)
    shape = scaling.scales_spec(SPEC).shape
    scales = np.random.default_rng(0).uniform(1e-4, 1e-3, shape).astype("<f4")
    numbers = np.frombuffer(trained(NUMBERS), "<f4").reshape(SPEC.shape)
    wide = scales.repeat(rows, axis=0)[:70].repeat(columns, axis=1)[:, :96]
    expected = np.clip(np.rint(numbers / wide), -128, 127).astype("i1").tobytes()
    data = input_of(numbers.tobytes(), step=1001)
    assert joined(ScaledCast().decode(payload(scaling, scales), [data], SPEC.nbytes)) == expected


def test_float8_is_clipped_and_what_is_not_finite_is_zero() -> None:
    spec = TensorSpec("F8_E4M3", (1, 8))
    numbers = np.array([0, 1, -1, 2, 1000, -1000, np.nan, np.inf], "<f4")
    found = joined(
        ScaledCast().decode(
            payload(Quantisation(1, 8), np.full((1, 1), 0.5, "<f4"), spec), [input_of(numbers.tobytes())], 8
        )
    )
    codes = np.frombuffer(found, ml_dtypes.float8_e4m3fn).astype("<f4")
    assert codes.tolist() == [0, 2, -2, 4, 448, -448, 0, 0]
    zero = payload(Quantisation(1, 8), np.zeros((1, 1), "<f4"), spec)
    assert joined(ScaledCast().decode(zero, [input_of(numbers.tobytes())], 8)) == bytes(8)


def test_quotients_may_be_rounded_on_the_way() -> None:
    spec = TensorSpec("I8", (1, 4))
    numbers = np.array([100.499, 3.2, -7, 64.51], "<f4")
    scaling = Quantisation(1, 4, through="BF16")
    expected = np.rint(numbers.astype(ml_dtypes.bfloat16).astype("<f4")).astype("i1").tobytes()
    one = payload(scaling, np.ones((1, 1), "<f4"), spec)
    assert joined(ScaledCast().decode(one, [input_of(numbers.tobytes())], 4)) == expected
    assert expected != np.rint(numbers).astype("i1").tobytes()


def test_only_codes_of_floats_in_equal_rows_are_accepted() -> None:
    accepts = ScaledCast().accepts
    assert accepts(SPEC, TensorSpec("BF16", SPEC.shape))
    assert accepts(TensorSpec("F8_E5M2", (2, 35, 96)), TensorSpec("F64", (70, 96)))
    assert not accepts(SPEC, TensorSpec("I32", SPEC.shape))
    assert not accepts(TensorSpec("U8", SPEC.shape), NUMBERS)
    assert not accepts(SPEC, TensorSpec("F32", (96, 70)))
    assert not accepts(TensorSpec("I8", (96,)), TensorSpec("F32", (96,)))
    assert not accepts(TensorSpec("I8", (0, 4)), TensorSpec("F32", (0, 4)))


def test_a_value_that_was_not_made_of_the_base_is_unsuitable() -> None:
    codes = np.random.default_rng(5).integers(-128, 128, SPEC.shape).astype("i1").tobytes()
    with pytest.raises(UnsuitableError):
        joined(ScaledCast().encode(memoryview(codes), SPEC, base_of(trained(NUMBERS), NUMBERS)))


@given(st.binary(max_size=80))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises(CorruptError):
        joined(ScaledCast().decode(memoryview(junk), [input_of(bytes(96))], 24))


@pytest.mark.parametrize(
    "fields",
    [
        {"dtype": "F32"},
        {"from": "I8"},
        {"from": ["F32"]},
        {"shape": [24]},
        {"block": [0, 6]},
        {"block": [4]},
        {"block": [4, 2.0]},
        {"scales": "F64"},
        {"scales": {}},
        {"through": "I8"},
        {"multiplies": 1},
        {"codec": "unknown"},
    ],
)
def test_made_up_headers_are_refused(fields: dict[str, object]) -> None:
    header = {
        "update": "scaled-cast",
        "dtype": "I8",
        "shape": [4, 6],
        "from": "F32",
        "block": [4, 6],
        "scales": "F32",
        "through": "F32",
        "multiplies": False,
        "codec": "planes",
    }
    with pytest.raises(CorruptError):
        list(ScaledCast().decode(memoryview(pack_header(header | fields)), [input_of(bytes(96))], 24))


def test_a_base_of_another_size_is_refused() -> None:
    def read(_nbytes: int) -> Pieces:
        yield memoryview(bytes(NUMBERS.nbytes - 4))

    with pytest.raises(CorruptError):
        joined(
            ScaledCast().decode(payload(Quantisation(70, 96), np.ones((1, 1), "<f4")), [read], SPEC.nbytes)
        )
