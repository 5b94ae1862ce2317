"""Update data in files, against what numpy computes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.errors import UsageError
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.sideloading import given_by, sideloaded, stored

RANDOM = np.random.default_rng(7)


def normal(*shape: int, dtype: str = "f4") -> NDArray[Any]:
    return RANDOM.standard_normal(shape).astype(dtype)


BASE = {
    "w": normal(40, 50),
    "conv": normal(6, 5, 3, 3),
    "bias": normal(40),
    "scalar": normal(),
    "half": normal(40, 50, dtype="f2"),
    "brain": normal(40, 50).astype(ml_dtypes.bfloat16),
    "ids": np.arange(12),
}


def written(folder: Path, arrays: dict[str, NDArray[Any]]) -> Path:
    path = folder / "updates.safetensors"
    path.write_bytes(safetensors_bytes(arrays))
    return path


@pytest.mark.parametrize("name", ["w", "half", "brain"])
@pytest.mark.parametrize("dtypes", ["f4 f4", "f2 f4", "f8 f8"])
def test_low_rank(name: str, dtypes: str, tmp_path: Path) -> None:
    first, second = dtypes.split()
    left, right = normal(40, 3, dtype=first), normal(3, 50, dtype=second)
    data = written(tmp_path, {f"{name}/R": left, f"{name}/C": right})
    found = sideloaded(BASE, data, "low-rank", tmp_path)
    expected = BASE[name].astype("f8") + left.astype("f8") @ right.astype("f8")
    assert found.keys() == {name}
    assert np.array_equal(found[name], expected.astype(BASE[name].dtype))


def test_low_rank_of_a_kernel_and_of_full_rank(tmp_path: Path) -> None:
    arrays = {"conv/R": normal(6, 2), "conv/C": normal(2, 45), "w/R": normal(40, 60), "w/C": normal(60, 50)}
    found = sideloaded(BASE, written(tmp_path, arrays), "low-rank", tmp_path)
    for name in ("conv", "w"):
        left, right = (arrays[f"{name}/{part}"].astype("f8") for part in "RC")
        expected = BASE[name].astype("f8") + (left @ right).reshape(BASE[name].shape)
        assert np.allclose(found[name], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("name", "shape"), [("w", (50,)), ("w", (40, 1)), ("w", ()), ("bias", (40,)), ("scalar", ())]
)
def test_ia3(name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    vector = normal(*shape)
    found = sideloaded(BASE, written(tmp_path, {f"{name}/ia3": vector}), "ia3", tmp_path)
    assert np.array_equal(found[name], BASE[name] * vector)


def csr(rows: int, columns: int, places: dict[tuple[int, int], float], name: str) -> dict[str, NDArray[Any]]:
    ordered = sorted(places)
    counts = [sum(row == r for r, _ in ordered) for row in range(rows)]
    return {
        f"{name}/data": np.array([places[at] for at in ordered], "f4"),
        f"{name}/indices": np.array([column for _, column in ordered], "i4"),
        f"{name}/indptr": np.array([0, *np.cumsum(counts)], "i8"),
        f"{name}/shape": np.array([rows, columns], "i8"),
    }


def test_sparse(tmp_path: Path) -> None:
    arrays = {
        **csr(40, 50, {(0, 0): 1.5, (7, 49): -2.0, (39, 3): 1e-3}, "w"),
        **csr(1, 40, {(0, 5): 3.0}, "bias"),
        **csr(6, 45, {(2, 44): 1.0}, "conv"),
    }
    found = sideloaded(BASE, written(tmp_path, arrays), "sparse", tmp_path)
    expected = {name: BASE[name].copy() for name in ("w", "bias", "conv")}
    for name, at, number in (
        ("w", (0, 0), 1.5),
        ("w", (7, 49), -2.0),
        ("w", (39, 3), np.float32(1e-3)),
        ("bias", 5, 3.0),
        ("conv", (2, 4, 2, 2), 1.0),
    ):
        expected[name][at] += number
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_dense(tmp_path: Path) -> None:
    arrays = {"w": normal(40, 50), "brain": normal(40, 50), "ids": np.arange(12)[::-1]}
    found = sideloaded(BASE, written(tmp_path, arrays), "dense", tmp_path)
    for name, value in arrays.items():
        assert np.array_equal(found[name], value.astype(BASE[name].dtype))


def test_unchanged_parameters_are_left_out(tmp_path: Path) -> None:
    arrays = {"w/R": np.zeros((40, 2), "f4"), "w/C": normal(2, 50)}
    assert not sideloaded(BASE, written(tmp_path, arrays), "low-rank", tmp_path)
    assert not sideloaded(BASE, written(tmp_path, {"bias/ia3": np.ones(1, "f4")}), "ia3", tmp_path)
    assert not sideloaded(BASE, written(tmp_path, {"bias": BASE["bias"]}), "dense", tmp_path)


def test_results_that_overflow_are_refused(tmp_path: Path) -> None:
    data = written(tmp_path, {"half/ia3": np.full(50, 1e6, "f4")})
    with pytest.raises(UsageError, match="'half' infinite in dtype F16"):
        sideloaded(BASE, data, "ia3", tmp_path)


SPARSE = csr(40, 50, {(0, 0): 1.5, (7, 49): -2.0}, "w")
BAD: dict[str, tuple[str, dict[str, NDArray[Any]], str]] = {
    "no C": ("low-rank", {"w/R": normal(40, 2)}, "lacks 'w/C'"),
    "unknown part": ("low-rank", {"w/Q": normal(40, 2)}, "'w/Q', which a low-rank update doesn't know"),
    "no part": ("ia3", {"w": normal(40)}, "each parameter needs NAME/ia3"),
    "unknown name": (
        "ia3",
        {"ww/ia3": normal(40)},
        r"no parameter 'ww' in .*\nhint: the closest: w",
    ),
    "ranks": ("low-rank", {"w/R": normal(40, 2), "w/C": normal(3, 50)}, r"shape \[3, 50\].*'w' of shape"),
    "rows": ("low-rank", {"w/R": normal(41, 2), "w/C": normal(2, 50)}, r"'w/R'.*shape \[41, 2\]"),
    "turned": ("low-rank", {"w/R": normal(2, 40), "w/C": normal(50, 2)}, "doesn't fit"),
    "nan": ("low-rank", {"w/R": np.full((40, 1), np.nan, "f4"), "w/C": normal(1, 50)}, "NaN or infinite"),
    "inf": ("ia3", {"w/ia3": np.array([np.inf], "f4")}, "NaN or infinite"),
    "dense nan": ("dense", {"bias": np.full(40, np.nan, "f4")}, "NaN or infinite"),
    "integers": ("ia3", {"w/ia3": np.arange(50)}, "dtype I64"),
    "to integers": ("ia3", {"ids/ia3": normal(1)}, "'ids' has dtype I64"),
    "vector": ("ia3", {"w/ia3": normal(40)}, "doesn't fit parameter 'w'"),
    "too many dimensions": ("ia3", {"w/ia3": normal(1, 40, 50)}, "doesn't fit parameter 'w'"),
    "dense shape": ("dense", {"w": normal(50, 40)}, "doesn't fit parameter 'w'"),
    "dense dtype": ("dense", {"w": np.zeros((40, 50), "i4")}, "dtype I32"),
    "sparse shape": ("sparse", SPARSE | {"w/shape": np.array([50, 40])}, r"is \[50, 40\]; the parameter"),
    "sparse ends": ("sparse", SPARSE | {"w/indptr": np.zeros(41, "i8")}, "doesn't fit the other parts"),
    "sparse column": ("sparse", SPARSE | {"w/indices": np.array([0, 50])}, "outside the parameter"),
    "sparse negative": ("sparse", SPARSE | {"w/indices": np.array([-1, 5])}, "outside the parameter"),
    "sparse floats": ("sparse", SPARSE | {"w/indices": normal(2)}, "isn't of integers"),
    "sparse lacks": ("sparse", {"w/data": normal(2)}, "lacks 'w/indices', 'w/indptr', 'w/shape'"),
    "empty": ("dense", {}, "no tensors"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_data(case: str, tmp_path: Path) -> None:
    kind, arrays, message = BAD[case]
    manifest, _ = stored(BASE, tmp_path)
    with pytest.raises(UsageError, match=message):
        given_by(written(tmp_path, arrays), kind, manifest)


def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    manifest, _ = stored(BASE, tmp_path)
    with pytest.raises(UsageError, match="can't be read"):
        given_by(tmp_path / "nowhere", "dense", manifest)
    (tmp_path / "text").write_bytes(b"hello")
    with pytest.raises(UsageError, match="isn't a checkpoint"):
        given_by(tmp_path / "text", "dense", manifest)


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    manifest, _ = stored({"w": np.zeros((2, 2), "f4")}, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="isn't a regular file"):
        given_by(tmp_path / "pipe", "dense", manifest)
