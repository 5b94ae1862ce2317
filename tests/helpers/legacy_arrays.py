"""Arrays as git-theta 0.2 stored them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from git_theta.legacy.zarr import ZarrArray, parse_zarr

numcodecs_blosc = pytest.importorskip("numcodecs.blosc", reason="the extra `migrate` isn't installed")

Array = np.ndarray[Any, Any]


def zarr_members(value: Array, chunk: tuple[int, ...] | None = None, **changes: Any) -> dict[str, bytes]:
    """The files of an array, with some of its description replaced."""
    chunk = tuple(max(1, size) for size in value.shape) if chunk is None else chunk
    description = {
        "chunks": chunk,
        "compressor": {"blocksize": 0, "clevel": 5, "cname": "lz4", "id": "blosc", "shuffle": -1},
        "dimension_separator": ".",
        "dtype": value.dtype.str,
        "fill_value": None,
        "filters": None,
        "order": "C",
        "shape": value.shape,
        "zarr_format": 2,
        **changes,
    }
    members = {".zarray": json.dumps(description).encode()}
    grid = [-(-size // step) for size, step in zip(value.shape, chunk, strict=True)]
    for index in np.ndindex(*grid):
        filled = np.full(chunk, 77, value.dtype)
        begins = [i * step for i, step in zip(index, chunk, strict=True)]
        part = value[tuple(slice(begin, begin + step) for begin, step in zip(begins, chunk, strict=True))]
        filled[tuple(map(slice, part.shape))] = part
        members[".".join(map(str, index)) or "0"] = blosc_frame(filled)
    return members


def blosc_frame(value: Array) -> bytes:
    return bytes(numcodecs_blosc.compress(np.ascontiguousarray(value), b"lz4", 5, 1))


def zarr_array(value: Any, dtype: str = "f4") -> ZarrArray:
    return parse_zarr(zarr_members(np.asarray(value, dtype)))
