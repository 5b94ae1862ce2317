"""Arrays of git-theta 0.2 and what its updates do with them."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from git_theta.legacy import LegacyError, blosc
from git_theta.legacy.updates import apply, check
from git_theta.legacy.zarr import ZarrArray, parse

numcodecs_blosc = pytest.importorskip("numcodecs.blosc", reason="the extra `migrate` isn't installed")

Array = np.ndarray[Any, Any]


def packed(value: Array, chunk: tuple[int, ...] | None = None, **changes: Any) -> dict[str, bytes]:
    """An array as 0.2 stored it, with some of its description replaced."""
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
    for place in np.ndindex(*grid):
        filled = np.full(chunk, 77, value.dtype)
        spot = tuple(slice(i * step, (i + 1) * step) for i, step in zip(place, chunk, strict=True))
        part = value[spot]
        filled[tuple(map(slice, part.shape))] = part
        members[".".join(map(str, place)) or "0"] = frame(filled)
    return members


def frame(value: Array) -> bytes:
    return bytes(numcodecs_blosc.compress(np.ascontiguousarray(value), b"lz4", 5, 1))


def array(value: Any, dtype: str = "f4") -> ZarrArray:
    return parse(packed(np.asarray(value, dtype)))


@pytest.mark.parametrize(
    ("shape", "chunk"),
    [((), ()), ((0, 3), (1, 3)), ((7,), (3,)), ((5, 4), (2, 3)), ((5, 4, 3), (5, 1, 2)), ((4, 4), (2, 2))],
)
@pytest.mark.parametrize("dtype", ["?", "i1", "<u2", "<f4", "<c16"])
def test_chunks(shape: tuple[int, ...], chunk: tuple[int, ...], dtype: str) -> None:
    value = (np.arange(np.prod(shape)).reshape(shape) % 5).astype(dtype)
    read = parse(packed(value, chunk)).read()
    assert (read.dtype, read.shape, read.tobytes()) == (value.dtype, shape, value.tobytes())


def test_missing_chunks_are_zeros() -> None:
    members = packed(np.ones((4, 2), "f4"), (2, 2))
    del members["0.0"]
    assert parse(members).read().tolist() == [[0, 0], [0, 0], [1, 1], [1, 1]]


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
def test_other_arrays(changes: dict[str, Any]) -> None:
    with pytest.raises(LegacyError):
        parse(packed(np.ones((2, 2), "f4"), **changes)).read()


@pytest.mark.parametrize("key", ["", "0", "0.0.0", "1.0", "-1.0", "0.x", "../../x", "0.99999999999999999999"])
def test_chunks_outside(key: str) -> None:
    members = packed(np.ones((2, 2), "f4"))
    members[key] = members["0.0"]
    with pytest.raises(LegacyError, match="has a chunk"):
        parse(members).read()


def test_no_description() -> None:
    for members in ({}, {".zarray": b"{"}, {".zarray": b"[" * 60_000}, {".zarray": b" " * 100_000}):
        with pytest.raises(LegacyError, match="isn't an array"):
            parse(members)


def test_frames() -> None:
    good = frame(np.arange(1000, dtype="<f4"))
    assert bytes(blosc.decompress(good, 4000)) == np.arange(1000, dtype="<f4").tobytes()
    other = bytes(numcodecs_blosc.compress(np.arange(1000, dtype="<f4"), b"zstd", 5, 1))
    huge = good[:4] + struct.pack("<I", 1 << 30) + good[8:]
    for bad, size in [
        (b"", 4000),
        (good[:15], 4000),
        (good, 3999),
        (good + b"x", 4000),
        (b"\3" + good[1:], 4000),
        (other, 4000),
        (huge, 1 << 30),
        (good[:8] + struct.pack("<I", 0xFFFFFFFF) + good[12:], 4000),
        (good[:16] + bytes(len(good) - 16), 4000),
    ]:
        with pytest.raises(LegacyError):
            blosc.decompress(bad, size)


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    good = frame(np.ones(3))
    monkeypatch.setitem(sys.modules, "numcodecs.blosc", None)
    with pytest.raises(LegacyError, match="needs the package numcodecs") as caught:
        blosc.decompress(good, 24)
    assert "git-theta[migrate]" in caught.value.hint


def sparse(numbers: Any, places: Any, shape: Any, bounds: Any = None) -> dict[str, ZarrArray]:
    return {
        "data": array(numbers),
        "indices": array(places, "i4"),
        "indptr": array([0, len(places)] if bounds is None else bounds, "i4"),
        "shape": array(shape, "i8"),
    }


BASE = np.array([[1, 2, 3], [4, 5, 6]], "f4")


def test_sparse() -> None:
    # A place that's there twice counts twice.
    assert apply("sparse", sparse([1, 2, 4], [0, 5, 5], [2, 3]), BASE).tolist() == [[2, 2, 3], [4, 5, 12]]
    assert apply("sparse", sparse([], [], [2, 3]), BASE).tolist() == BASE.tolist()
    scalar = apply("sparse", sparse([1], [0], []), np.array(2, "f4"))
    assert (scalar.shape, scalar.item()) == ((), 3)


def test_low_rank_and_ia3() -> None:
    factors = {"R": array([[1], [2]]), "C": array([[1, 2, 3]])}
    assert apply("low-rank", factors, BASE).tolist() == [[2, 4, 6], [6, 9, 12]]
    assert apply("low-rank", {"parameter": array(BASE)}, BASE).tolist() == (BASE * 2).tolist()
    assert apply("ia3", {"ia3": array([[2], [3]])}, BASE).tolist() == [[2, 4, 6], [12, 15, 18]]


def test_a_wider_update_widens() -> None:
    value = apply("ia3", {"ia3": array([0.1, 1, 1], "f8")}, BASE)
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
        ("sparse", sparse([1], [0], [2, 3]) | {"indices": array([0.0])}),
        ("low-rank", {"R": array([[1], [2]]), "C": array([[1, 2]])}),
        ("low-rank", {"R": array([1, 2]), "C": array([1, 2, 3])}),
        ("low-rank", {"R": array([[1, 1], [2, 1]]), "C": array([[1, 2, 3]])}),
        ("low-rank", {"parameter": array([1, 2])}),
        ("ia3", {"ia3": array([1, 2])}),
        ("ia3", {"ia3": array(np.ones((2, 2, 3)))}),
    ],
)
def test_updates_that_dont_fit(update: str, arrays: dict[str, ZarrArray]) -> None:
    check(update, arrays)
    with pytest.raises(LegacyError, match="update"):
        apply(update, arrays, BASE)


@pytest.mark.parametrize(
    ("update", "arrays"),
    [
        ("dense", {"ia3": array([1])}),
        ("sparse", {"data": array([1])}),
        ("low-rank", {"R": array([1])}),
        ("ia3", {"parameter": array([1])}),
        ("average", {"parameter": array([1])}),
    ],
)
def test_updates_with_other_arrays(update: str, arrays: Mapping[str, ZarrArray]) -> None:
    with pytest.raises(LegacyError, match="update"):
        check(update, arrays)
