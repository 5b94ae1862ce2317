"""HDF5 files as bytes: some that are kept, and those that h5py writes.

The kept ones are what `python -m tests.helpers.hdf5_files` writes, so that tests without h5py have files, and
fuzzing has the same ones everywhere.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

KEPT = Path(__file__).parent.parent / "fixtures" / "hdf5"

Fill = Callable[[Any], None]


@cache
def kept(name: str) -> bytes:
    """A file that is kept."""
    return (KEPT / name).read_bytes()


def hdf5_bytes(fill: Fill, **options: Any) -> bytes:
    """A file that h5py writes.

    Args:
        fill: Puts groups and datasets into the open file.
        options: Those of `h5py.File`.
    """
    import h5py

    # In memory, h5py doesn't write the end of a paged file.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.h5")
        with h5py.File(path, "w", **options) as file:
            fill(file)
        return path.read_bytes()


def numbers(*shape: int, dtype: str = "<f4") -> Any:
    """An array that is the same each time."""
    count = int(np.prod(shape, dtype=int))
    return (np.arange(count) * 37 % 101 - 50).astype(dtype).reshape(shape)


def small(file: Any) -> None:
    """A file with a tensor of each kind of place."""
    file["model/layer/kernel"] = numbers(4, 3)
    file["model/layer/bias"] = numbers(3, dtype=">f8")
    file["model/tied"] = file["model/layer/kernel"]
    file["step"] = np.int64(7)
    file.attrs["config"] = '{"units": 3}'
    file["model/layer"].attrs["names"] = ["kernel", "bias"]
    file.create_dataset("rows", data=numbers(5, 2), chunks=(2, 2), maxshape=(None, 2))
    file.create_dataset("grid", data=numbers(4, 4), chunks=(3, 3))
    file.create_dataset("packed", data=numbers(8, 8), chunks=(8, 8), compression="gzip", shuffle=True)


def many(file: Any) -> None:
    """A file with a group and attributes of so many members that they're in heaps."""
    group = file.create_group("dense")
    for number in range(9):
        group[f"{number}"] = np.float32([number])
        group.attrs[f"a{number}"] = number
    file.create_dataset("grows", data=numbers(6, 2), chunks=(2, 2), maxshape=(None, None))


def _write() -> None:
    KEPT.mkdir(exist_ok=True)
    for name, fill, options in (
        ("earliest.h5", small, {}),
        ("latest.h5", small, {"libver": "latest"}),
        ("dense.h5", many, {"libver": ("v108", "v110")}),
    ):
        (KEPT / name).write_bytes(hdf5_bytes(fill, **options))


if __name__ == "__main__":
    _write()
