"""Leaves: where the numbers at the ends of expressions come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from git_theta.codecs.frames import CHUNK
from git_theta.model.strided import Temporary, scratch
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input
from git_theta.updates.chunks import chunks
from git_theta.updates.recipe import blocks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ArraySource:
    """Numbers that are there, or can be read.

    Attributes:
        shape: Of the numbers.
    """

    shape: tuple[int, ...]

    def blocks(self, size: int) -> Iterator[NDArray[np.float64]]:
        """The numbers, flat, `size` at a time but for the last; each is valid until the next is asked for.

        Args:
            size: A power of two.
        """
        raise NotImplementedError

    def hold(self) -> None:
        """Make it cheap to read the numbers once more."""


class InMemory(ArraySource):
    """The numbers of an array."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.shape = array.shape
        self._array = array

    def blocks(self, size: int) -> Iterator[NDArray[np.float64]]:
        """Pieces of the array as float64: views, if it's that and C-contiguous."""
        import numpy as np

        flat = np.ascontiguousarray(self._array).reshape(-1)
        with np.errstate(invalid="ignore"):
            for at in range(0, len(flat), size):
                yield flat[at : at + size].astype(np.float64, copy=False)


class StoredTensor(ArraySource):
    """The numbers of a value that's decoded when it's read, and kept once that's worth it.

    Args:
        read: Gives the value's bytes.
        spec: Its dtype, one of those of recipes, and shape.
        temporary: Makes a descriptor of an unlinked temporary file, for a value that's too large for memory.
    """

    def __init__(self, read: Input, spec: TensorSpec, temporary: Temporary) -> None:
        words = spec.item_size // spec.word_size
        self.shape = (*spec.shape, words) if words > 1 else spec.shape
        self._spec = spec
        self._temporary = temporary
        self._read = read

    def blocks(self, size: int) -> Iterator[NDArray[np.float64]]:
        """Pieces of the value, widened."""
        return blocks(self._read, self._spec.dtype, self._spec.nbytes, size)

    def hold(self) -> None:
        """Decode the value, once."""
        read, nbytes = self._read, self._spec.nbytes
        if isinstance(read, _Copy):
            return
        copy = scratch(nbytes, self._temporary)
        at = 0
        for piece in chunks(read(nbytes), CHUNK, nbytes):
            copy[at : at + len(piece)] = piece
            at += len(piece)
        self._read = _Copy(copy)


class _Copy:
    """An input of bytes at hand."""

    def __init__(self, data: memoryview) -> None:
        self._data = data

    def __call__(self, nbytes: int) -> Iterator[memoryview]:
        return iter([self._data])
