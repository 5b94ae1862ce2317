"""The time to add one model in each format, beside the same tensors in safetensors. Without Git."""

from __future__ import annotations

import io
import pickle
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgpack
import numpy as np
from safetensors.numpy import save

from benchmarks.rows import Row
from git_theta.clean import Cleaner
from git_theta.formats.protobuf import LENGTH, VARINT, tag, varint
from git_theta.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

UNIT = "times"

#: Seconds, as a multiple of those of safetensors, at most: 0.7 times its throughput.
_LIMIT = 1.43

#: The same for formats that are used less: 0.5 times its throughput.
_WIDE_LIMIT = 2.0

#: The type of the elements in an ONNX tensor.
_FLOAT = tag(2, VARINT) + varint(1)

_LAYERS, _SIZE = 8, (1024, 4096)


def formats(folder: Path, repeat: int) -> Iterator[Row]:
    """A row for each format.

    Args:
        folder: Where stores go.
        repeat: Repetitions; each has its own safetensors figure, from the same moment.
    """
    random = np.random.default_rng(0)
    arrays = {
        f"layer.{n}": (random.standard_normal(_SIZE, np.float32) * np.float32(0.05)) for n in range(_LAYERS)
    }
    plain = save(dict(arrays))
    _seconds(plain, folder)
    files = [
        ("npz", _npz(arrays), _LIMIT),
        ("ONNX", _onnx(arrays), _LIMIT),
        ("Flax", _flax(arrays), _WIDE_LIMIT),
        ("pickle", pickle.dumps(arrays), _WIDE_LIMIT),
    ]
    with suppress(ImportError):
        files.append(("distcp", _distcp(arrays), _WIDE_LIMIT))
    with suppress(ImportError):
        files.append(("hdf5", _hdf5(arrays), _WIDE_LIMIT))
    for name, data, limit in files:
        ratios = [_seconds(data, folder) / _seconds(plain, folder) for _ in range(repeat)]
        yield Row(f"add of {name}", UNIT, tuple(ratios), limit=limit)


def _npz(arrays: Arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _onnx(arrays: Arrays) -> bytes:
    """A model of tensors without nodes."""
    graph = b""
    for name, array in arrays.items():
        sizes = b"".join(tag(1, VARINT) + varint(size) for size in array.shape)
        graph += _field(5, sizes + _FLOAT + _field(8, name.encode()) + _field(9, array.tobytes()))
    return tag(1, VARINT) + varint(8) + _field(7, graph)


def _flax(arrays: Arrays) -> bytes:
    tree = {
        name: msgpack.ExtType(1, msgpack.packb((array.shape, array.dtype.name, array.tobytes())))
        for name, array in arrays.items()
    }
    packed: bytes = msgpack.packb(tree)
    return packed


def _field(number: int, content: bytes) -> bytes:
    return tag(number, LENGTH) + varint(len(content)) + content


def _distcp(arrays: Arrays) -> bytes:
    """A data file of a distributed checkpoint.

    Raises:
        ImportError: PyTorch isn't installed.
    """
    import torch

    file = io.BytesIO()
    for array in arrays.values():
        torch.save(torch.from_numpy(array), file)
    return file.getvalue()


def _hdf5(arrays: Arrays) -> bytes:
    """A file of datasets.

    Raises:
        ImportError: h5py isn't installed.
    """
    import h5py

    file = io.BytesIO()
    with h5py.File(file, "w") as opened:
        for name, array in arrays.items():
            opened[name] = array
    return file.getvalue()


def _seconds(data: bytes, folder: Path) -> float:
    with tempfile.TemporaryDirectory(dir=folder) as store:
        began = time.perf_counter()
        Cleaner(LocalStore(Path(store))).clean(memoryview(data))
        return time.perf_counter() - began
