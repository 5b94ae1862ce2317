"""The sign that slices of a base are in other places of a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.encoding.samples import BaseComparison
from git_theta.model.tensor import TensorSpec
from git_theta.updates.moved_slices import may_have_moved
from tests.helpers.weights import base_of, trained, tuned

Words = NDArray[np.unsignedinteger[Any]]

RNG = np.random.default_rng(0)

MATRIX, KERNEL, EXPERTS = (2048, 512), (256, 192, 3, 3), (8, 300, 500)


def has_moved(value: Words, old: bytes, spec: TensorSpec) -> bool:
    comparison = BaseComparison(memoryview(value.tobytes()), spec, base_of(old, spec))
    return may_have_moved(memoryview(value.tobytes()), comparison.all_over.samples)


def words(data: bytes, spec: TensorSpec) -> Words:
    return np.frombuffer(data, f"<u{spec.word_size}").reshape(spec.shape)


def along(axis: int) -> Callable[[Words], Words]:
    return lambda array: np.take(array, RNG.permutation(array.shape[axis]), axis)


def shifted(array: Words) -> Words:
    return np.roll(array, 700, axis=0)


def half_moved(array: Words) -> Words:
    """Every other slice is where it was."""
    order = np.arange(len(array))
    order[::2] = RNG.permutation(order[::2])
    return array[order]


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize(
    ("shape", "move"),
    [
        (MATRIX, along(0)),
        (MATRIX, along(1)),
        (MATRIX, shifted),
        (MATRIX, half_moved),
        (KERNEL, along(0)),
        (KERNEL, along(1)),
        (EXPERTS, along(1)),
        (EXPERTS, along(2)),
    ],
)
def test_moved_slices_are_noticed(
    shape: tuple[int, ...], move: Callable[[Words], Words], near: bool, dtype: str
) -> None:
    spec = TensorSpec(dtype, shape)
    old = trained(spec)
    new = words(tuned(old, spec, 1e-4) if near else old, spec)
    assert has_moved(move(new), old, spec)


def test_slices_larger_than_a_sample_are_noticed() -> None:
    """Of an expert of 1.2 MB, no sample has all."""
    spec = TensorSpec("F32", (6, 300, 1000))
    old = trained(spec)
    assert has_moved(words(old, spec)[[3, 0, 5, 1, 2, 4]], old, spec)


@pytest.mark.parametrize("shape", [(256, 320), MATRIX, KERNEL])
def test_slices_with_their_elements_in_another_order_are_noticed(shape: tuple[int, ...]) -> None:
    spec = TensorSpec("F32", shape)
    old = trained(spec)
    assert has_moved(along(0)(along(1)(words(old, spec))), old, spec)


@pytest.mark.parametrize("dtype", ["F32", "BF16", "I8", "C64"])
@pytest.mark.parametrize("shape", [MATRIX, KERNEL, EXPERTS, (4096, 16), (1, 1 << 19)])
def test_strangers_have_no_moved_slices(shape: tuple[int, ...], dtype: str) -> None:
    spec = TensorSpec(dtype, shape)
    if dtype == "I8":
        old, new = (RNG.integers(0, 256, shape, np.uint8) for _ in range(2))
        assert not has_moved(new, old.tobytes(), spec)
    elif dtype == "C64":
        # Complex slices are left to the search.
        halves = TensorSpec("F32", (*shape[:-1], 2 * shape[-1]))
        assert has_moved(words(trained(halves, 7), halves), trained(halves), spec)
    else:
        assert not has_moved(words(trained(spec, 7), spec), trained(spec), spec)


def test_slices_of_one_direction_are_no_sign() -> None:
    """Rows of weights may all be near their mean, which says nothing of their order."""
    spec = TensorSpec("F32", MATRIX)
    mean = RNG.standard_normal(512)
    old, new = ((mean + 0.1 * RNG.standard_normal(MATRIX)).astype("<f4") for _ in range(2))
    assert not has_moved(new.view("<u4"), old.tobytes(), spec)
