"""Models in memory: some parameters of a checkpoint, and checkpoints of parameters that were changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks import weights
from benchmarks.pairs import Pair
from git_theta.model.tensor import numpy_dtype

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Model = dict[str, NDArray[Any]]

#: Standard deviation of the noise that stands for tuning, as a share of the tensor's.
_TUNING = 5e-5

_DTYPES = {"float32": "F32", "bfloat16": "BF16", "float16": "F16", "int8": "I8", "float8_e4m3fn": "F8_E4M3"}


def read_model(path: Path, prefixes: tuple[str, ...]) -> Model:
    """The parameters of a safetensors file whose names begin with one of the prefixes."""
    import numpy as np

    header, start = weights.read_header(path)
    data = np.memmap(path, np.uint8, "r")
    found = {}
    for name, field in header.items():
        if name.startswith(prefixes):
            begin, end = (start + offset for offset in field["data_offsets"])
            found[name] = data[begin:end].view(numpy_dtype(field["dtype"])).reshape(field["shape"]).copy()
    return found


def write_model(path: Path, model: Model) -> None:
    """Write a safetensors file."""
    header, end = {}, 0
    for name, array in model.items():
        offsets = [end, end + array.nbytes]
        header[name] = {"dtype": _DTYPES[array.dtype.name], "shape": array.shape, "data_offsets": offsets}
        end += array.nbytes
    text = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.writelines(array.tobytes() for array in model.values())


def noisy(array: NDArray[Any], seed: int = 0) -> NDArray[Any]:
    """The elements a little further in training."""
    import numpy as np

    noise = np.random.default_rng(seed).standard_normal(array.shape) * array.std() * _TUNING
    return (array + noise).astype(array.dtype)


def written_pairs(
    rows: Sequence[tuple[str, Model, Model, float]], folder: Path, prefix: str
) -> Iterator[Pair]:
    """Pairs of safetensors files.

    Args:
        rows: Name, old and new parameters, and the target of each pair.
        folder: Where the files go.
        prefix: Their names begin so.
    """
    for number, (name, before, after, limit) in enumerate(rows):
        paths = folder / f"{prefix}-{number}-old.safetensors", folder / f"{prefix}-{number}-new.safetensors"
        for path, model in zip(paths, (before, after), strict=True):
            write_model(path, model)
        yield Pair(name, *paths, limit)
