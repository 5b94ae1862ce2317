"""Side-loaded sparse changes: a matrix in compressed sparse rows, which is added to a parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec, numpy_dtype
from git_theta.updates.array import Array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.side_loaded import Given

#: The tensors of the matrix, under the names of scipy's `csr_matrix`.
PARTS = ("data", "indices", "indptr", "shape")


def places_and_numbers(given: Given, spec: TensorSpec) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Indices of elements in the flattened parameter, and the numbers to add there; indices may repeat.

    Raises:
        UsageError: The matrix doesn't fit the parameter, or isn't valid.
    """
    import numpy as np

    rows, columns = _matrix_size(spec)
    numbers = given["data"].numbers().reshape(-1)
    shape, ends, indices = (_integers(given[part]) for part in ("shape", "indptr", "indices"))
    if shape.tolist() != [rows, columns]:
        name = given["shape"].name
        raise UsageError(
            f"{name!r} in the update data is {shape.tolist()}; the parameter is {[rows, columns]}"
        )
    if (
        len(ends) != rows + 1
        or ends[0] != 0
        or ends[-1] != len(indices)
        or (np.diff(ends) < 0).any()
        or len(indices) != len(numbers)
    ):
        raise UsageError(f"{given['indptr'].name!r} in the update data doesn't fit the other parts")
    if len(indices) and not (indices.min() >= 0 and indices.max() < columns):
        raise UsageError(f"{given['indices'].name!r} in the update data has a column outside the parameter")
    row_of = np.repeat(np.arange(rows, dtype=np.int64), np.diff(ends))
    return row_of * columns + indices, numbers


def every_element(numbers: NDArray[np.float64], name: str, spec: TensorSpec) -> dict[str, Array]:
    """The tensors that add a number to each element of a parameter.

    Args:
        numbers: As many as the parameter has elements, in C order.
        name: Name of the numbers, for messages.
        spec: Dtype and shape of the parameter.
    """
    import numpy as np

    rows, columns = _matrix_size(spec)
    tensors = {
        "data": numbers.astype("<f8"),
        "indices": np.tile(np.arange(columns, dtype="<i8"), rows),
        "indptr": np.arange(rows + 1, dtype="<i8") * columns,
        "shape": np.array([rows, columns], "<i8"),
    }
    return {
        part: Array(name, TensorSpec("F64" if part == "data" else "I64", tensor.shape), tensor.data.cast("B"))
        for part, tensor in tensors.items()
    }


def _matrix_size(spec: TensorSpec) -> tuple[int, int]:
    """Rows and columns of a parameter as a matrix by its first dimension; a vector is one row."""
    if len(spec.shape) < 2:
        return 1, spec.count
    return spec.shape[0], spec.count // max(1, spec.shape[0])


def _integers(array: Array) -> NDArray[np.int64]:
    import numpy as np

    dtype = numpy_dtype(array.spec.dtype)
    if dtype.kind not in "iu":
        raise UsageError(f"{array.name!r} in the update data isn't of integers")
    return np.frombuffer(array.data, dtype).astype(np.int64)
