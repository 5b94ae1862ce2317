"""Slices of a base in another order, and new ones among them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from git_theta.codecs.frames import CHUNK
from git_theta.errors import CorruptError, UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.testing import check_update
from git_theta.updates.base import UnsuitableError
from git_theta.updates.gather import Gather
from git_theta.updates.payload import typed_header
from tests.helpers.weights import base_of, input_of, joined, trained, tuned

Words = NDArray[np.unsignedinteger[Any]]

RNG = np.random.default_rng(0)

#: Shapes with an axis, the sizes of the others given.
WHERE = [(0, (5,)), (1, (3,)), (0, (2, 3)), (2, (4, 2)), (1, (2, 2))]


def array(spec: TensorSpec, seed: int = 0) -> Words:
    return np.frombuffer(trained(spec, seed), f"<u{spec.word_size}").reshape(spec.shape)


def gathered(value: Words, old: Words, dtype: str = "F32") -> float:
    """The share that the payload takes, after it was decoded to the value."""
    payload = encoded(value, old, dtype)
    assert (
        joined(Gather().decode(memoryview(payload), [input_of(old.tobytes())], value.nbytes))
        == value.tobytes()
    )
    return len(payload) / value.nbytes


def encoded(value: Words, old: Words, dtype: str = "F32") -> bytes:
    spec, base = TensorSpec(dtype, value.shape), TensorSpec(dtype, old.shape)
    return joined(Gather().encode(memoryview(value.tobytes()), spec, base_of(old.tobytes(), base)))


def test_contract() -> None:
    check_update(Gather())


indices = st.lists(st.integers(0, 7), min_size=1, max_size=30)


@given(indices, st.integers(1, 7), st.sampled_from(WHERE))
def test_any_index_comes_back(numbers: list[int], count: int, where: tuple[int, tuple[int, ...]]) -> None:
    axis, others = where
    index = np.minimum(np.array(numbers, "<u4"), count)
    old = RNG.integers(0, 1 << 16, np.insert(others, axis, count)).astype("<u2")
    value = RNG.integers(0, 1 << 16, np.insert(others, axis, len(index))).astype("<u2")
    spec, base = (TensorSpec("BF16", each.shape) for each in (value, old))
    payload = joined(Gather().encode_index(memoryview(value.tobytes()), spec, base, axis, index))
    made = joined(Gather().decode(memoryview(payload), [input_of(old.tobytes(), 7)], value.nbytes))
    expected = value.copy()
    for at, origin in enumerate(index.tolist()):
        if origin < count:
            np.moveaxis(expected, axis, 0)[at] = np.moveaxis(old, axis, 0)[origin]
    assert made == expected.tobytes()


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16", "I8", "F8_E4M3"])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [((600, 100), 0), ((100, 600), 1), ((300, 20, 3, 3), 0), ((20, 300, 3, 3), 1), ((4, 30, 400), 2)],
)
def test_permuted_slices_cost_their_index(dtype: str, shape: tuple[int, ...], axis: int) -> None:
    size = TensorSpec(dtype, ()).item_size
    old = RNG.integers(1, 120, shape).astype("u1") if size == 1 else array(TensorSpec(dtype, shape))
    order = RNG.permutation(shape[axis])
    assert gathered(np.take(old, order, axis), old, dtype) < 0.004 * 4 / size + 0.003


def test_more_than_a_chunk_of_each() -> None:
    old = array(TensorSpec("F32", (3000, 500)))
    assert old.nbytes > 5 * CHUNK
    assert gathered(old[RNG.permutation(3000)], old) < 0.002
    assert gathered(old.T.copy()[:, RNG.permutation(3000)], old.T.copy()) < 0.002


def test_new_slices_cost_what_they_are() -> None:
    old = array(TensorSpec("F32", (1000, 384)))
    wider = np.concatenate([old, array(TensorSpec("F32", (1000, 16)), 5)], axis=1)
    assert gathered(wider, old) < 0.86 * 16 / 400 + 0.001
    between = np.insert(wider, [7, 100, 100], array(TensorSpec("F32", (1000, 3)), 6), axis=1)
    assert gathered(between, wider) < 0.86 * 3 / 403 + 0.001
    assert gathered(np.delete(old, RNG.choice(1000, 300, replace=False), axis=0), old) < 0.001
    assert gathered(np.concatenate([old, old[100:300]]), old) < 0.001


def test_tuned_slices_are_found_too() -> None:
    spec = TensorSpec("F32", (2000, 64))
    old = array(spec)
    near = np.frombuffer(tuned(old.tobytes(), spec, 1e-3), "<u4").reshape(spec.shape)
    order = RNG.permutation(2000)
    inserted = np.insert(near[order], [500] * 40, array(TensorSpec("F32", (40, 64)), 8), axis=0)
    payload = encoded(inserted, old)
    made = joined(Gather().decode(memoryview(payload), [input_of(old.tobytes())], inserted.nbytes))
    rows = np.frombuffer(made, "<f4").reshape(inserted.shape)
    difference = np.abs(rows - inserted.view("<f4")).max(axis=1)
    assert (difference < 1e-2).mean() > 0.99


def test_slices_of_one_direction_are_told_apart() -> None:
    direction = np.full(64, 3.0)
    old = (RNG.standard_normal((500, 64)) * 0.05 + direction).astype("<f4").view("<u4")
    assert gathered(old[RNG.permutation(500)], old) < 0.01


def test_slices_that_are_equal_or_not_finite() -> None:
    old = array(TensorSpec("F32", (400, 64))).view("<f4").copy()
    old[100:200] = 0
    old[300, :2] = np.nan
    old[301, 2] = np.inf
    assert gathered(np.roll(old, 3, axis=0).view("<u4"), old.view("<u4")) < 0.02


@pytest.mark.parametrize("other", ["same", "unrelated", "mostly new"])
def test_values_that_gain_nothing_are_unsuitable(other: str) -> None:
    old = array(TensorSpec("F32", (200, 64)))
    value = {
        "same": old,
        "unrelated": array(TensorSpec("F32", (200, 64)), 3),
        "mostly new": np.concatenate([array(TensorSpec("F32", (180, 64)), 3), old[:20]]),
    }[other]
    with pytest.raises(UnsuitableError):
        encoded(value, old)


def test_types_that_differ_in_one_axis_are_accepted() -> None:
    spec = TensorSpec("F32", (16, 32))
    for shape in ((16, 32), (9, 32), (16, 40)):
        assert Gather().accepts(spec, TensorSpec("F32", shape))
    for dtype, shape in (
        ("BF16", (16, 32)),
        ("F32", (9, 40)),
        ("F32", (512,)),
        ("F32", (16, 32, 1)),
        ("F32", (0, 32)),
    ):
        assert not Gather().accepts(spec, TensorSpec(dtype, shape))
    assert not Gather().accepts(TensorSpec("F32", (16, 4)), TensorSpec("F32", (9, 4)))


@given(st.binary(max_size=200))
def test_junk_is_refused(junk: bytes) -> None:
    with pytest.raises((CorruptError, UsageError)):
        list(Gather().decode(memoryview(junk), [input_of(bytes(8))], 8))


@pytest.mark.parametrize(
    "fields",
    [
        {"axis": 2}, {"axis": -1}, {"axis": True}, {"base": -1}, {"base": 0}, {"base": 1 << 32},
        {"base": 1.0}, {"index": -1}, {"index": 100}, {"index": 0}, {"codec": "nonesuch"}, {"base": 2},
    ],
)  # fmt: skip
def test_headers_that_make_no_sense_are_refused(fields: dict[str, object]) -> None:
    spec = TensorSpec("F32", (4, 8))
    header = {"axis": 0, "base": 4, "codec": "planes", "index": 4} | fields
    payload = typed_header("gather", spec, **header) + b"\0\0\0\0"
    with pytest.raises(CorruptError):
        list(Gather().decode(memoryview(payload), [lambda n: iter([memoryview(bytes(n))])], spec.nbytes))


def test_an_empty_value_with_many_slices_takes_no_memory() -> None:
    spec = TensorSpec("F32", (1 << 31, 0))
    payload = typed_header("gather", spec, axis=0, base=4, codec="planes", index=4) + b"\0\0\0\0"
    for call in (
        lambda: list(Gather().decode(memoryview(payload), [input_of(b"")], 0)),
        lambda: Gather().demand(lambda: memoryview(payload), 1, 0),
    ):
        with pytest.raises(CorruptError):
            call()
