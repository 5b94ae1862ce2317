"""The updates of git-theta 0.2: a new value from an update's arrays and the earlier value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from git_theta.legacy.metadata import LegacyError
from git_theta.legacy.zarr import ZarrArray

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Name of the array that has the value, or the difference from the earlier value, as a whole.
VALUE = "parameter"

#: Of each update, the arrays whose dtypes decide about the new value's dtype, and the others.
_NUMBERS = {"sparse": ("data",), "low-rank": ("R", "C"), "ia3": ("ia3",)}
_INDICES = {"sparse": ("indices", "indptr", "shape")}

Arrays = Mapping[str, ZarrArray]


def check_arrays(update: str, arrays: Arrays) -> None:
    """Check that an update is known, and that it has its arrays.

    Raises:
        LegacyError: The update isn't known, or its arrays aren't the ones that it needs.
    """
    if update == "dense" or (update == "low-rank" and VALUE in arrays):
        wanted: tuple[str, ...] = (VALUE,)
    elif update in _NUMBERS:
        wanted = (*_NUMBERS[update], *_INDICES.get(update, ()))
    else:
        raise LegacyError(
            f"the update {update[:60]!r} isn't one of git-theta 0.2",
            "a plugin made it: commit the checkpoint without that plugin first",
        )
    if arrays.keys() != set(wanted):
        raise LegacyError(f"an update {update!r} has the arrays {sorted(arrays)} instead of {sorted(wanted)}")


def dtype_after(update: str, arrays: Arrays, base: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the new value."""
    import numpy as np

    from git_theta.model.tensor import numpy_dtype

    names = (VALUE,) if VALUE in arrays else _NUMBERS[update]
    return np.result_type(base, *(numpy_dtype(arrays[name].spec.dtype) for name in names))


def apply_update(update: str, arrays: Arrays, base: NDArray[Any]) -> NDArray[Any]:
    """The new value, of the earlier value's shape.

    Sums and products are rounded as IEEE says, element by element, as in git-theta 0.2. The product of two
    matrices is numpy's, whose last bits depend on the machine, there and here.

    Raises:
        LegacyError: The arrays don't fit the value.
    """
    import numpy as np

    dtype = dtype_after(update, arrays, base.dtype)
    # NaNs and overflows are values like any others here.
    with np.errstate(all="ignore"):
        if VALUE in arrays:
            value = np.add(_fitting(arrays[VALUE], base), base, dtype=dtype)
        elif update == "sparse":
            value = np.add(_scattered(arrays, base), base, dtype=dtype)
        elif update == "low-rank":
            value = np.add(_product(arrays["R"], arrays["C"], base), base, dtype=dtype)
        else:
            value = np.multiply(base, _fitting(arrays["ia3"], base), dtype=dtype)
    return np.asarray(value)


def _fitting(array: ZarrArray, base: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    try:
        shape = np.broadcast_shapes(array.spec.shape, base.shape)
    except ValueError:
        shape = ()
    if shape != base.shape:
        raise _misfit(array.spec.shape, base)
    return array.read()


def _scattered(arrays: Arrays, base: NDArray[Any]) -> NDArray[Any]:
    """The differences at their indices: a matrix of one row, compressed by rows."""
    import numpy as np

    shape, bounds = arrays["shape"].read().tolist(), arrays["indptr"].read().tolist()
    if shape != list(base.shape):
        raise _misfit(shape, base)
    elements, indices = arrays["data"].read(), arrays["indices"].read()
    if elements.ndim != 1 or elements.shape != indices.shape or indices.dtype.kind not in "iu":
        raise LegacyError("a sparse update doesn't have as many values as indices")
    if len(bounds) != 2 or not 0 == bounds[0] <= bounds[1] <= len(indices):
        raise LegacyError("a sparse update doesn't have one row")
    elements, indices = elements[: bounds[1]], indices[: bounds[1]]
    if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < base.size:
        raise LegacyError("a sparse update has an index outside the value")
    out: NDArray[Any] = np.zeros(base.size, elements.dtype)
    # An index may occur twice; the values are added up in order.
    np.add.at(out, indices.astype(np.intp), elements)
    return out.reshape(base.shape)


def _product(left: ZarrArray, right: ZarrArray, base: NDArray[Any]) -> NDArray[Any]:
    one, other = left.spec.shape, right.spec.shape
    fits = len(one) == len(other) >= 2 and one[:-2] == other[:-2] and one[-1] == other[-2]
    if not fits or (*one[:-1], other[-1]) != base.shape:
        raise _misfit((one, other), base)
    product: NDArray[Any] = left.read() @ right.read()
    return product


def _misfit(shape: object, base: NDArray[Any]) -> LegacyError:
    return LegacyError(f"an update of shape {shape!s:.80} doesn't fit a value of shape {list(base.shape)}")
