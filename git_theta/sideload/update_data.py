"""Update data: a file of named tensors, in any format that checkpoints have.

What belongs to a parameter is named after it: `NAME/R` and `NAME/C`, `NAME/ia3`, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from git_theta.checkpoint_file import CheckpointFile, read_checkpoint
from git_theta.errors import UsageError
from git_theta.model.tensor import numpy_dtype
from git_theta.runtime.mapped import mapped_file
from git_theta.sideload.given import Array, DenseGiven, Given, Ia3Given, LowRankGiven, SparseGiven
from git_theta.sideload.names import Names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.model.tensor import TensorSpec

#: What each kind of update needs for a parameter; an empty name is the parameter's own.
PARTS = {
    "low-rank": ("R", "C"),
    "sparse": ("data", "indices", "indptr", "shape"),
    "ia3": ("ia3",),
    "dense": ("",),
}


def read_tensors(path: Path) -> dict[str, Array]:
    """The tensors of a checkpoint file, by name.

    Raises:
        UsageError: There's no such file, or it isn't a checkpoint.
    """
    try:
        with mapped_file(path) as data:
            return _arrays(path, read_checkpoint(data))
    except OSError as error:
        raise UsageError(f"the update data {path} can't be read: {error.strerror}") from error


def _arrays(path: Path, file: CheckpointFile) -> dict[str, Array]:
    if file.opaque:
        raise UsageError(
            f"the update data {path} isn't a checkpoint that git-theta can read",
            file.note or "write it with safetensors.numpy.save_file or torch.save",
        )
    return {name: Array(name, tensor.spec, file.value(name)) for name, tensor in file.tensors.items()}


def read_given(path: Path, kind: str, specs: Mapping[str, TensorSpec]) -> dict[str, tuple[Given, ...]]:
    """What a file gives to each parameter.

    Args:
        path: The file.
        kind: One of `given.KINDS`.
        specs: The checkpoint's parameters.

    Raises:
        UsageError: The file can't be read, or doesn't have what this kind needs.
    """
    names = Names(specs)
    groups: dict[str, dict[str, Array]] = {}
    parts = PARTS[kind]
    tensors = read_tensors(path)
    for name, array in tensors.items():
        owner, _, part = name.rpartition("/") if parts != ("",) else (name, "", "")
        if not owner or part not in parts:
            raise UsageError(
                f"the update data has {name!r}, which a {kind} update doesn't know",
                f"each parameter needs {', '.join(f'NAME/{part}' for part in parts)}",
            )
        target = names.get(owner)
        if part in groups.setdefault(target, {}):
            raise UsageError(f"the update data has parameter {target!r} twice")
        groups[target][part] = array
    if not groups:
        raise UsageError(f"the update data {path} has no tensors")
    found: dict[str, tuple[Given, ...]] = {}
    for name, group in groups.items():
        lacking = [f"{name}/{part}" for part in parts if part not in group]
        if lacking:
            raise UsageError(f"the update data lacks {', '.join(map(repr, lacking))}")
        found[name] = (_given(kind, group, specs[name]),)
    return found


def _given(kind: str, group: Mapping[str, Array], spec: TensorSpec) -> Given:
    if kind == "low-rank":
        # Each is stored as it is where both have one dtype; of two, the one that loses nothing.
        left, right = group["R"], group["C"]
        dtype = left.spec.dtype if left.spec.dtype == right.spec.dtype else "F64"
        return LowRankGiven(left.as_dtype(dtype), right.as_dtype(dtype))
    if kind == "ia3":
        return Ia3Given(group["ia3"])
    if kind == "dense":
        return DenseGiven(group[""])
    return _sparse(group, spec)


def _sparse(group: Mapping[str, Array], spec: TensorSpec) -> SparseGiven:
    """Compressed sparse rows to places."""
    import numpy as np

    rows, columns = (
        (1, spec.count) if len(spec.shape) < 2 else (spec.shape[0], spec.count // max(1, spec.shape[0]))
    )
    numbers = group["data"].numbers().reshape(-1)
    shape, ends, indices = (_integers(group[part]) for part in ("shape", "indptr", "indices"))
    if shape.tolist() != [rows, columns]:
        said = group["shape"].name
        raise UsageError(
            f"{said!r} in the update data is {shape.tolist()}; the parameter is {[rows, columns]}"
        )
    if (
        len(ends) != rows + 1
        or ends[0] != 0
        or ends[-1] != len(indices)
        or (np.diff(ends) < 0).any()
        or len(indices) != len(numbers)
    ):
        raise UsageError(f"{group['indptr'].name!r} in the update data doesn't fit the other parts")
    if len(indices) and not (indices.min() >= 0 and indices.max() < columns):
        raise UsageError(f"{group['indices'].name!r} in the update data has a column outside the parameter")
    row_of = np.repeat(np.arange(rows, dtype=np.int64), np.diff(ends))
    return SparseGiven(row_of * columns + indices, numbers)


def _integers(array: Array) -> NDArray[np.int64]:
    import numpy as np

    dtype = numpy_dtype(array.spec.dtype)
    if dtype.kind not in "iu":
        raise UsageError(f"{array.name!r} in the update data isn't of integers")
    return np.frombuffer(array.data, dtype).astype(np.int64)
