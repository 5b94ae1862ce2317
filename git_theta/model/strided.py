"""Strided tensors to contiguous bytes and back, with bounded memory for large tensors."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from git_theta.errors import ThetaError
from git_theta.model.layout import extent
from git_theta.model.tensor import TensorSpec
from git_theta.model.tiled_copy import copy_elements
from git_theta.runtime.mapped import allocate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: Larger copies, in bytes, are in an unlinked temporary file, which the kernel can page out.
_IN_MEMORY = 32 << 20

#: Opens an unlinked temporary file; its descriptor.
Temporary = Callable[[], int]


def temporary_file() -> int:
    """A descriptor of an unlinked temporary file in the system's folder for these."""
    # Takes longer to import than the filter takes to clean a small file, and most callers have a store.
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def scratch_memory(nbytes: int, temporary: Temporary, in_memory: int | None = None) -> memoryview:
    """`nbytes` of writable memory: anonymous if small, else a mapped temporary file.

    Args:
        nbytes: The number of bytes.
        temporary: Opens the file.
        in_memory: The largest number of bytes that counts as small; `None` for 32 MiB.

    Raises:
        ThetaError: The disk has no room for the file.
    """
    if nbytes <= (_IN_MEMORY if in_memory is None else in_memory):
        return memoryview(bytearray(nbytes))
    handle = temporary()
    try:
        allocate(handle, nbytes)
        return memoryview(mmap.mmap(handle, nbytes))
    except OSError as error:
        raise ThetaError(
            f"no room for a temporary file of {nbytes:,} bytes: {error.strerror}", _room_hint(temporary)
        ) from error
    finally:
        os.close(handle)


def joined(pieces: Iterable[bytes | memoryview], nbytes: int, temporary: Temporary) -> memoryview:
    """The bytes of all pieces, in `scratch_memory`.

    Args:
        pieces: Pieces of `nbytes` bytes together; each is copied before the next one is asked for.
        nbytes: The number of bytes.
        temporary: As for `scratch_memory`.

    Raises:
        ThetaError: The disk has no room for the file.
    """
    value, start = scratch_memory(nbytes, temporary), 0
    for piece in pieces:
        value[start : start + len(piece)] = piece
        start += len(piece)
    return value


def _room_hint(temporary: Temporary) -> str:
    if temporary is not temporary_file:
        return "free some disk space and try again"
    import tempfile

    return f"free some space in {tempfile.gettempdir()}, or set TMPDIR to a folder with more, and try again"


def gather(
    data: memoryview,
    spec: TensorSpec,
    offset: int,
    strides: tuple[int, ...] | None,
    big_endian: bool,
    temporary: Temporary,
) -> memoryview:
    """The logical bytes of a tensor in a file: a view of `data` if it's contiguous, else a copy.

    Raises:
        ValueError: The tensor isn't inside the data.
        ThetaError: The disk has no room for the copy.
    """
    if strides is None and not big_endian:
        value = data[offset : offset + spec.nbytes]
        if len(value) != spec.nbytes:
            raise ValueError("the tensor isn't inside the file")
        return value
    out = scratch_memory(spec.nbytes, temporary)
    if spec.count:
        copy_elements(contiguous(out, spec), strided(data, spec, offset, strides, big_endian))
    return out


def contiguous(data: memoryview, spec: TensorSpec) -> NDArray[Any]:
    """An array of machine words over contiguous logical bytes; complex numbers have an extra axis."""
    return strided(data, spec, 0, None, False)


def strided(
    data: memoryview, spec: TensorSpec, offset: int, strides: tuple[int, ...] | None, big_endian: bool
) -> NDArray[Any]:
    """An array of machine words over a tensor in a file, without a copy.

    Raises:
        ValueError: The tensor isn't inside the data.
    """
    import numpy as np

    steps = spec.strides if strides is None else strides
    low, high = extent(offset, spec.shape, steps, spec.item_size)
    if low < 0 or high > len(data):
        raise ValueError("the tensor isn't inside the file")
    word = spec.word_size
    dtype: np.dtype[Any] = np.dtype(f"{'>' if big_endian else '<'}u{word}")
    parts = spec.item_size // word
    return np.ndarray((*spec.shape, parts), dtype, buffer=data, offset=offset, strides=(*steps, word))
