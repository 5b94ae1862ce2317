from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.array import Array
from git_theta.updates.base import Base
from git_theta.updates.ia3 import Ia3, broadcasts
from git_theta.updates.rounding import ARITHMETIC, round_to, widen
from tests.helpers.weights import input_of


def encoded(value: bytes | None, spec: TensorSpec, base: bytes, vector: bytes, of: TensorSpec) -> bytes:
    whole = None if value is None else memoryview(value)
    given = {"ia3": Array("w/ia3", of, memoryview(vector))}
    return b"".join(map(bytes, Ia3().encode_given(given, spec, Base(spec, input_of(base, 1001)), whole)))


def decoded(payload: bytes, base: bytes) -> bytes:
    return b"".join(map(bytes, Ia3().decode(memoryview(payload), [input_of(base, 1001)], len(base))))


SHAPES = [
    ((), ()),
    ((5,), (5,)),
    ((5,), (1,)),
    ((5,), ()),
    ((6, 7), (7,)),
    ((6, 7), (6, 1)),
    ((6, 7), (1, 7)),
    ((6, 7), (6, 7)),
    ((3, 4, 2, 2), (1, 4, 1, 1)),
    ((3, 4, 2, 2), (3, 1, 1, 1)),
    ((0, 4), (4,)),
    ((700, 801), (700, 1)),
]


@pytest.mark.parametrize("dtype", ARITHMETIC)
@pytest.mark.parametrize(("shape", "of"), SHAPES)
def test_the_product_is_rounded_once(dtype: str, shape: tuple[int, ...], of: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    spec, vector_spec = TensorSpec(dtype, shape), TensorSpec("F32", of)
    base = round_to(random.standard_normal(spec.count), dtype)
    vector = random.standard_normal(of).astype("f4")
    expected = round_to(
        (widen(base, dtype).reshape(shape) * vector.astype("f8")).reshape(-1), dtype
    ).tobytes()
    payload = encoded(None, spec, base.tobytes(), vector.tobytes(), vector_spec)
    assert decoded(payload, base.tobytes()) == expected


@given(
    st.binary(min_size=48, max_size=48),
    st.binary(min_size=48, max_size=48),
    st.binary(min_size=16, max_size=16),
)
def test_a_value_comes_back_whatever_the_vector(value: bytes, base: bytes, vector: bytes) -> None:
    spec, of = TensorSpec("F32", (3, 4)), TensorSpec("F32", (4,))
    assert decoded(encoded(value, spec, base, vector, of), base) == value


def test_a_near_value_is_cheap() -> None:
    random = np.random.default_rng(1)
    spec, of = TensorSpec("F32", (256, 256)), TensorSpec("F32", (256, 1))
    base = random.standard_normal(spec.shape).astype("f4")
    vector = random.standard_normal(of.shape).astype("f4")
    payload = encoded((base * vector).tobytes(), spec, base.tobytes(), vector.tobytes(), of)
    assert len(payload) < 0.01 * spec.nbytes


def test_damage_is_noticed() -> None:
    spec, of = TensorSpec("F32", (4, 4)), TensorSpec("F32", (4,))
    base, vector = np.ones((4, 4), "f4").tobytes(), np.arange(4, dtype="f4").tobytes()
    payload = encoded(base, spec, base, vector, of)
    for cut in range(len(payload)):
        with pytest.raises(CorruptError):
            decoded(payload[:cut], base)
    with pytest.raises(CorruptError):
        decoded(payload + b"\0", base)
    with pytest.raises(CorruptError):
        list(Ia3().decode(memoryview(payload), [], 64))


def test_a_vector_that_cannot_be_broadcast_is_refused() -> None:
    assert not broadcasts((3,), (3, 4))
    assert not broadcasts((1, 3, 4), (3, 4))
    base = np.ones((3, 4), "f4").tobytes()
    payload = encoded(None, TensorSpec("F32", (3, 4)), base, base[:12], TensorSpec("F32", (3,)))
    with pytest.raises(CorruptError):
        decoded(payload, base)
