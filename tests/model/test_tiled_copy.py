"""Copies between arrays in different orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from git_theta.model import tiled_copy
from git_theta.model.tiled_copy import copy_elements


@pytest.fixture(autouse=True, scope="module")
def _small_tiles() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(tiled_copy, "_TILE", (2, 3))
    patch.setattr(tiled_copy, "_LEAST_TILE", 2)
    patch.setattr(tiled_copy, "_LEAST_BYTES", 0)
    yield
    patch.undo()


@given(
    npst.array_shapes(min_dims=0, max_dims=5, max_side=7).flatmap(
        lambda shape: st.tuples(
            st.permutations(range(len(shape))), st.permutations(range(len(shape))), st.just(shape)
        )
    ),
    st.sampled_from(["<u1", "<u2", ">u4", "<u8"]),
)
def test_every_element_is_copied(orders: tuple[list[int], list[int], tuple[int, ...]], dtype: str) -> None:
    first, second, shape = orders
    source = in_order(shape, first, dtype)
    source[...] = np.arange(source.size).reshape(shape) % 251
    target = in_order(shape, second, dtype[1:])
    copy_elements(target, source)
    np.testing.assert_array_equal(target, source)


def in_order(shape: tuple[int, ...], order: list[int], dtype: str) -> np.ndarray[Any, np.dtype[Any]]:
    """An array of zeros whose axes are in memory in some order."""
    memory = np.zeros([shape[axis] for axis in order], dtype)
    return memory.transpose(np.argsort(order)) if order else memory


def test_steps_that_arent_positive() -> None:
    source = np.arange(60).reshape(6, 10)
    for view in (source[::-1, ::-2], np.broadcast_to(source[:1], (6, 10)), source.T[::-1]):
        target = np.zeros(view.shape, view.dtype)
        copy_elements(target, view)
        np.testing.assert_array_equal(target, view)


def test_tiles_are_used_where_axes_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = []
    real = tiled_copy._tiles
    monkeypatch.setattr(tiled_copy, "_tiles", lambda *args: tiles.extend(real(*args)) or tiles)
    source = np.arange(42).reshape(6, 7)
    copy_elements(np.zeros((6, 7), source.dtype), source)
    assert not tiles
    copy_elements(np.zeros((7, 6), source.dtype), source.T)
    assert len(tiles) == 8
