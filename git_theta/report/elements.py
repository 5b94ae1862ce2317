"""The elements of a value, block by block, as float64."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from git_theta.diff import Pair
from git_theta.model.tensor import BLOCKS, TensorSpec, numpy_dtype
from git_theta.report.packed_elements import unpack
from git_theta.report.side import ValueReader
from git_theta.updates.rechunk import rechunk
from git_theta.updates.rounding import ARITHMETIC, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Elements that are compared together, per thread: a few MiB as float64.
_BLOCK = 1 << 18

#: Dtype of each of the two parts of a complex number.
_PARTS = {"C32": "F16", "C64": "F32", "C128": "F64"}


def element_blocks(pieces: Iterable[memoryview], spec: TensorSpec, count: int) -> Iterator[memoryview]:
    """The bytes of a value in blocks of whole elements; each block is valid until the next is asked for.

    Args:
        pieces: The logical bytes, in order, cut anywhere.
        spec: Dtype and shape.
        count: Elements in each block but the last; of a packed dtype, a multiple of its blocks' elements.

    Raises:
        CorruptError: There are more or fewer bytes than the spec says.
    """
    if spec.is_packed:
        elements, size = BLOCKS[spec.dtype]
        return rechunk(iter(pieces), count // elements * size, spec.nbytes)
    return rechunk(iter(pieces), count * spec.item_size, spec.nbytes)


def paired_blocks(pair: Pair, old: ValueReader, new: ValueReader) -> Iterator[tuple[memoryview, memoryview]]:
    """Blocks of the old and of the new value of a parameter, of as many elements each.

    Args:
        pair: Old and new entry, of one shape.
        old: Reads the old value.
        new: Reads the new value.

    Raises:
        ThetaError: As for `ValueReader.value`.
    """
    before, after = pair
    return zip(
        element_blocks(old.value(before), before.spec, _BLOCK),
        element_blocks(new.value(after), after.spec, _BLOCK),
        strict=True,
    )


def as_float64(block: memoryview, spec: TensorSpec) -> NDArray[np.float64]:
    """Elements as an array of shape (elements, 1), or (elements, 2) for complex dtypes.

    Integers beyond 2**53 are rounded; a BOOL is 0 or 1, whatever byte the file has.

    Raises:
        PackedValueError: Elements of this packed dtype aren't decoded.
    """
    import numpy as np

    if spec.is_packed:
        return unpack(block, spec.dtype).reshape(-1, 1)
    dtype = _PARTS.get(spec.dtype, spec.dtype)
    numbers: NDArray[Any]
    if dtype in ARITHMETIC:
        numbers = widen(np.frombuffer(block, f"<u{TensorSpec(dtype, ()).item_size}"), dtype)
    elif dtype == "BOOL":
        numbers = (np.frombuffer(block, np.uint8) != 0).astype(np.float64)
    else:
        with np.errstate(invalid="ignore"):
            numbers = np.frombuffer(block, numpy_dtype(dtype)).astype(np.float64)
    return numbers.reshape(-1, 2 if spec.dtype in _PARTS else 1)


def magnitudes(block: memoryview, spec: TensorSpec) -> NDArray[np.float64]:
    """Elements as a vector: real numbers as they are, of complex ones the absolute value.

    A complex number with a part that is NaN is NaN.
    """
    import numpy as np

    parts = as_float64(block, spec)
    if parts.shape[1] == 1:
        return parts[:, 0]
    with np.errstate(invalid="ignore"):
        found: NDArray[np.float64] = np.hypot(parts[:, 0], parts[:, 1])
    # np.hypot(inf, nan) is inf.
    found[np.isnan(parts).any(axis=1)] = np.nan
    return found
