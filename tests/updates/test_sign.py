from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from git_theta.codecs.packed import PackedWriter
from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base, zeros
from git_theta.updates.payload import typed_header, unpack
from git_theta.updates.rounding import ARITHMETIC, round_to, widen
from git_theta.updates.sign import Sign, elements_per_scale
from tests.helpers.lossy_contract import check_extreme_values_refused, check_other_dtypes_refused
from tests.helpers.weights import input_of, trained, tuned


def encoded(value: bytes, spec: TensorSpec, base: bytes | None) -> bytes:
    source = Base(spec, zeros if base is None else input_of(base, 1001))
    return b"".join(map(bytes, Sign().encode_near(memoryview(value), spec, source, 1.0)))


def decoded(payload: bytes, base: bytes | None, nbytes: int) -> bytes:
    inputs = [] if base is None else [input_of(base, 1001)]
    return b"".join(map(bytes, Sign().decode(memoryview(payload), inputs, nbytes)))


def expected(value: bytes, spec: TensorSpec, base: bytes) -> bytes:
    """Sign times mean magnitude of the changes, computed group by group."""
    words = np.frombuffer(base, f"<u{spec.word_size}")
    before = widen(words, spec.dtype)
    change = widen(np.frombuffer(value, words.dtype), spec.dtype) - before
    found = words.copy()
    group = elements_per_scale(spec.shape)
    for start in range(0, len(words), group):
        here = slice(start, start + group)
        scale = float(np.float32(np.abs(change[here]).sum() / len(change[here])))
        if scale:
            found[here] = round_to(before[here] + np.where(change[here] > 0, scale, -scale), spec.dtype)
    return found.tobytes()


@pytest.mark.parametrize("dtype", ARITHMETIC)
@pytest.mark.parametrize("shape", [(0,), (), (3,), (5, 7), (3, 130), (7, 2, 3, 50), (2101, 129)])
def test_elements_move_by_the_mean_magnitude(dtype: str, shape: tuple[int, ...]) -> None:
    spec = TensorSpec(dtype, shape)
    base = trained(spec)
    value = tuned(base, spec, 0.01)
    found = widen(
        np.frombuffer(decoded(encoded(value, spec, base), base, spec.nbytes), f"<u{spec.word_size}"), dtype
    )
    wanted = widen(np.frombuffer(expected(value, spec, base), f"<u{spec.word_size}"), dtype)
    assert np.allclose(found, wanted, rtol=1e-6, atol=1e-9)


def test_a_change_takes_about_a_bit_an_element() -> None:
    spec = TensorSpec("F32", (500, 512))
    base = trained(spec)
    value = tuned(base, spec, 0.01)
    payload = encoded(value, spec, base)
    assert len(payload) * 29 < spec.nbytes
    found = np.frombuffer(decoded(payload, base, spec.nbytes), "<f4")
    left = found - np.frombuffer(value, "<f4")
    # Of a normal distribution, signs leave the share 1 - 2 / pi of the variance.
    assert np.mean(left.astype("f8") ** 2) == pytest.approx(1e-4 * (1 - 2 / np.pi), rel=0.02)


@given(
    hnp.arrays("<f4", (3, 5), elements=st.floats(-9, 9, width=32)),
    hnp.arrays("<f4", (3, 5), elements=st.floats(-9, 9, width=32)),
)
def test_the_error_is_never_larger_than_without_the_change(
    value: NDArray[np.float32], base: NDArray[np.float32]
) -> None:
    spec = TensorSpec("F32", (3, 5))
    payload = encoded(value.tobytes(), spec, base.tobytes())
    found = np.frombuffer(decoded(payload, base.tobytes(), 60), "<f4").astype("f8")
    left, change = found - value.reshape(-1), value.astype("f8") - base
    assert (left**2).sum() <= (change**2).sum() * (1 + 1e-6) + 1e-6


def test_rows_without_changes_keep_their_bits() -> None:
    spec = TensorSpec("F32", (4, 128))
    base = np.where(np.arange(512) % 2, 3.0, -0.0).astype("<f4")
    value = base.copy()
    value[130:] += 0.5
    found = np.frombuffer(
        decoded(encoded(value.tobytes(), spec, base.tobytes()), base.tobytes(), 2048), "<u4"
    )
    assert np.array_equal(found[:128], base[:128].view("<u4"))
    assert not np.array_equal(found[128:], base[128:].view("<u4"))


def test_without_a_base_signs_and_scales_are_left() -> None:
    spec = TensorSpec("F32", (3, 200))
    value = trained(spec)
    found = np.frombuffer(decoded(encoded(value, spec, None), None, spec.nbytes), "<f4").reshape(3, 200)
    numbers = np.frombuffer(value, "<f4").reshape(3, 200)
    assert np.array_equal(found > 0, numbers > 0)
    assert np.allclose(np.abs(found), np.abs(numbers).mean(axis=1, keepdims=True), rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "group"),
    [
        ((), 1),
        ((0,), 1),
        ((9,), 9),
        ((500,), 500),
        ((4, 128), 128),
        ((64, 8, 3, 3), 4608),
        ((64, 16, 3, 3), 144),
    ],
)
def test_scales_are_for_rows(shape: tuple[int, ...], group: int) -> None:
    assert elements_per_scale(shape) == group


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 3.4e38])
def test_values_that_no_signs_express(odd: float) -> None:
    check_extreme_values_refused(encoded, 3.4e38, odd)


def test_other_dtypes() -> None:
    check_other_dtypes_refused(encoded)


def test_damage_is_noticed() -> None:
    spec = TensorSpec("F32", (3, 130))
    base = trained(spec)
    payload = encoded(tuned(base, spec), spec, base)
    for cut in range(len(payload)):
        with pytest.raises(CorruptError):
            decoded(payload[:cut], base, spec.nbytes)
    with pytest.raises(CorruptError):
        decoded(payload + b"\0", base, spec.nbytes)


@pytest.mark.parametrize("group", [None, 0, -1, True, 1.5, "4"])
def test_groups_that_make_no_sense(group: object) -> None:
    spec = TensorSpec("F32", (4,))
    _, body = unpack(memoryview(encoded(trained(spec), spec, None)))
    with pytest.raises(CorruptError, match="how many elements share a scale"):
        decoded(typed_header("sign", spec, group=group) + bytes(body), None, spec.nbytes)


@pytest.mark.parametrize("group", [5, 1 << 63])
def test_a_group_may_be_larger_than_the_value(group: int) -> None:
    spec = TensorSpec("F32", (4,))
    payload = encoded(trained(spec), spec, None)
    _, body = unpack(memoryview(payload))
    larger = typed_header("sign", spec, group=group) + bytes(body)
    assert decoded(larger, None, spec.nbytes) == decoded(payload, None, spec.nbytes)


@pytest.mark.parametrize("scale", [np.nan, np.inf])
def test_scales_that_make_no_sense(scale: float) -> None:
    spec = TensorSpec("F32", (4,))
    words = np.array([scale], "<f4").view("<u4")
    scales = b"".join(PackedWriter(4, 1, literals=True).frames(words))
    with pytest.raises(CorruptError, match="scales make no sense"):
        decoded(typed_header("sign", spec, group=4) + scales, None, spec.nbytes)
