from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from git_theta.legacy import LegacyError
from git_theta.legacy.updates import apply_update, check_arrays
from git_theta.legacy.zarr import ZarrArray
from tests.helpers.legacy_arrays import zarr_array


def sparse(elements: Any, indices: Any, shape: Any, bounds: Any = None) -> dict[str, ZarrArray]:
    return {
        "data": zarr_array(elements),
        "indices": zarr_array(indices, "i4"),
        "indptr": zarr_array([0, len(indices)] if bounds is None else bounds, "i4"),
        "shape": zarr_array(shape, "i8"),
    }


BASE = np.array([[1, 2, 3], [4, 5, 6]], "f4")


def test_sparse_updates_are_added() -> None:
    # Of an index that occurs twice, both elements are added.
    assert apply_update("sparse", sparse([1, 2, 4], [0, 5, 5], [2, 3]), BASE).tolist() == [
        [2, 2, 3],
        [4, 5, 12],
    ]
    assert apply_update("sparse", sparse([], [], [2, 3]), BASE).tolist() == BASE.tolist()
    scalar = apply_update("sparse", sparse([1], [0], []), np.array(2, "f4"))
    assert (scalar.shape, scalar.item()) == ((), 3)


def test_low_rank_and_ia3() -> None:
    factors = {"R": zarr_array([[1], [2]]), "C": zarr_array([[1, 2, 3]])}
    assert apply_update("low-rank", factors, BASE).tolist() == [[2, 4, 6], [6, 9, 12]]
    assert apply_update("low-rank", {"parameter": zarr_array(BASE)}, BASE).tolist() == (BASE * 2).tolist()
    assert apply_update("ia3", {"ia3": zarr_array([[2], [3]])}, BASE).tolist() == [[2, 4, 6], [12, 15, 18]]


def test_a_wider_update_widens() -> None:
    value = apply_update("ia3", {"ia3": zarr_array([0.1, 1, 1], "f8")}, BASE)
    assert value.dtype == np.float64
    assert value[0, 0] == 0.1


@pytest.mark.parametrize(
    ("update", "arrays"),
    [
        ("sparse", sparse([1], [6], [2, 3])),
        ("sparse", sparse([1], [-1], [2, 3])),
        ("sparse", sparse([1], [0], [3, 2])),
        ("sparse", sparse([1, 2], [0], [2, 3])),
        ("sparse", sparse([1], [0], [2, 3], [0, 2])),
        ("sparse", sparse([1], [0], [2, 3], [1, 1])),
        ("sparse", sparse([1], [0], [2, 3], [0, 1, 1])),
        ("sparse", sparse([1], [0], [2, 3]) | {"indices": zarr_array([0.0])}),
        ("low-rank", {"R": zarr_array([[1], [2]]), "C": zarr_array([[1, 2]])}),
        ("low-rank", {"R": zarr_array([1, 2]), "C": zarr_array([1, 2, 3])}),
        ("low-rank", {"R": zarr_array([[1, 1], [2, 1]]), "C": zarr_array([[1, 2, 3]])}),
        ("low-rank", {"parameter": zarr_array([1, 2])}),
        ("ia3", {"ia3": zarr_array([1, 2])}),
        ("ia3", {"ia3": zarr_array(np.ones((2, 2, 3)))}),
    ],
)
def test_updates_of_another_shape_are_refused(update: str, arrays: dict[str, ZarrArray]) -> None:
    check_arrays(update, arrays)
    with pytest.raises(LegacyError, match="update"):
        apply_update(update, arrays, BASE)


@pytest.mark.parametrize(
    ("update", "arrays"),
    [
        ("dense", {"ia3": zarr_array([1])}),
        ("sparse", {"data": zarr_array([1])}),
        ("low-rank", {"R": zarr_array([1])}),
        ("ia3", {"parameter": zarr_array([1])}),
        ("average", {"parameter": zarr_array([1])}),
    ],
)
def test_updates_with_other_arrays_are_refused(update: str, arrays: Mapping[str, ZarrArray]) -> None:
    with pytest.raises(LegacyError, match="update"):
        check_arrays(update, arrays)
