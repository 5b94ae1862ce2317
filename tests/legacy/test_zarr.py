from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from git_theta.legacy import LegacyError
from git_theta.legacy.zarr import parse_zarr
from tests.helpers.legacy_arrays import zarr_members


@pytest.mark.parametrize(
    ("shape", "chunk"),
    [((), ()), ((0, 3), (1, 3)), ((7,), (3,)), ((5, 4), (2, 3)), ((5, 4, 3), (5, 1, 2)), ((4, 4), (2, 2))],
)
@pytest.mark.parametrize("dtype", ["?", "i1", "<u2", "<f4", "<c16"])
def test_chunks_are_joined(shape: tuple[int, ...], chunk: tuple[int, ...], dtype: str) -> None:
    value = (np.arange(np.prod(shape)).reshape(shape) % 5).astype(dtype)
    read = parse_zarr(zarr_members(value, chunk)).read()
    assert (read.dtype, read.shape, read.tobytes()) == (value.dtype, shape, value.tobytes())


def test_missing_chunks_are_zeros() -> None:
    members = zarr_members(np.ones((4, 2), "f4"), (2, 2))
    del members["0.0"]
    assert parse_zarr(members).read().tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]


@pytest.mark.parametrize(
    "changes",
    [
        {"order": "F"},
        {"zarr_format": 3},
        {"filters": [{"id": "delta"}]},
        {"fill_value": 1},
        {"compressor": {"id": "zlib"}},
        {"compressor": None},
        {"dtype": "|O"},
        {"dtype": ["<f4"]},
        {"shape": [2, 2.0]},
        {"shape": [-1, 2]},
        {"shape": 4},
        {"shape": [1 << 20, 1 << 20]},
        {"chunks": [0, 2]},
        {"chunks": [2]},
        {"chunks": [1 << 20, 1 << 20]},
        {"shape": [1, 2], "chunks": [1, 1]},
    ],
)
def test_other_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(LegacyError):
        parse_zarr(zarr_members(np.ones((2, 2), "f4"), **changes)).read()


@pytest.mark.parametrize("key", ["", "0", "0.0.0", "1.0", "-1.0", "0.x", "../../x", "0.99999999999999999999"])
def test_chunks_outside_the_grid_are_refused(key: str) -> None:
    members = zarr_members(np.ones((2, 2), "f4"))
    members[key] = members["0.0"]
    with pytest.raises(LegacyError, match="has a chunk"):
        parse_zarr(members).read()


def test_a_description_is_needed() -> None:
    for members in ({}, {".zarray": b"{"}, {".zarray": b"[" * 60_000}, {".zarray": b" " * 100_000}):
        with pytest.raises(LegacyError, match="isn't an array"):
            parse_zarr(members)
