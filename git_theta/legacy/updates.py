"""What git-theta 0.2's updates mean: how a new value follows from arrays and the earlier value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from git_theta.legacy.metadata import LegacyError
from git_theta.legacy.zarr import ZarrArray

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A whole value has this name, where it isn't made of several arrays.
VALUE = "parameter"

#: The arrays whose dtypes the new value's depends on, of each update; and the others.
_NUMBERS = {"sparse": ("data",), "low-rank": ("R", "C"), "ia3": ("ia3",)}
_PLACES = {"sparse": ("indices", "indptr", "shape")}

Arrays = Mapping[str, ZarrArray]


def check(update: str, arrays: Arrays) -> None:
    """Make sure that an update is known and has its arrays.

    Raises:
        LegacyError: It isn't, or hasn't.
    """
    if update == "dense" or (update == "low-rank" and VALUE in arrays):
        wanted: tuple[str, ...] = (VALUE,)
    elif update in _NUMBERS:
        wanted = (*_NUMBERS[update], *_PLACES.get(update, ()))
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


def apply(update: str, arrays: Arrays, base: NDArray[Any]) -> NDArray[Any]:
    """The new value, with the earlier one's shape.

    Sums and products are those of IEEE numbers, element by element, as in git-theta 0.2. The product of two
    matrices is numpy's, whose last bits depend on the machine, there and here.

    Raises:
        LegacyError: The arrays don't fit the value.
    """
    import numpy as np

    dtype = dtype_after(update, arrays, base.dtype)
    # NaNs and overflows are as good as other values.
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
    """The differences in their places: a matrix of one row, compressed by rows."""
    import numpy as np

    shape, bounds = arrays["shape"].read().tolist(), arrays["indptr"].read().tolist()
    if shape != list(base.shape):
        raise _misfit(shape, base)
    numbers, places = arrays["data"].read(), arrays["indices"].read()
    if numbers.ndim != 1 or numbers.shape != places.shape or places.dtype.kind not in "iu":
        raise LegacyError("a sparse update doesn't have as many values as places")
    if len(bounds) != 2 or not 0 == bounds[0] <= bounds[1] <= len(places):
        raise LegacyError("a sparse update doesn't have one row")
    numbers, places = numbers[: bounds[1]], places[: bounds[1]]
    if len(places) and not 0 <= int(places.min()) <= int(places.max()) < base.size:
        raise LegacyError("a sparse update has a place outside the value")
    out: NDArray[Any] = np.zeros(base.size, numbers.dtype)
    # A place may be there twice; the values are added up in order.
    np.add.at(out, places.astype(np.intp), numbers)
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
