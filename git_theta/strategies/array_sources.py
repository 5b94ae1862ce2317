"""Sources of the float64 numbers at the ends of a lazy expression: an array, or a stored tensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from git_theta.codecs.frames import CHUNK
from git_theta.model.strided import Temporary, joined
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input
from git_theta.updates.rechunk import rechunk
from git_theta.updates.recipe import blocks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ArraySource:
    """Numbers that are in memory or can be read, compared by identity.

    Attributes:
        shape: Shape of the array.
    """

    shape: tuple[int, ...]

    def blocks(self, size: int) -> Iterator[NDArray[np.float64]]:
        """The numbers in C order as flat arrays, each valid until the next one is asked for.

        Args:
            size: Elements of each array but the last; a power of two.
        """
        raise NotImplementedError

    def cache(self) -> None:
        """Keep the values in memory or in a temporary file, so that further reads are cheap."""


class InMemory(ArraySource):
    """The numbers of an array of any float dtype and shape."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.shape = array.shape
        self._array = array

    def blocks(self, size: int) -> Iterator[NDArray[np.float64]]:
        """Pieces of the array as float64; views of a C-contiguous float64 array."""
        import numpy as np

        flat = np.ascontiguousarray(self._array).reshape(-1)
        with np.errstate(invalid="ignore"):
            for start in range(0, len(flat), size):
                yield flat[start : start + size].astype(np.float64, copy=False)


class StoredTensor(ArraySource):
    """The numbers of a stored value: decoded at each read, or once after `cache`.

    Args:
        read: Gives the value's bytes.
        spec: The value's dtype, one of those that recipes compute with, and shape. Complex numbers become
            pairs along an additional last axis.
        temporary: Makes a descriptor of an unlinked temporary file, for a value that's too large for memory.
    """

    def __init__(self, read: Input, spec: TensorSpec, temporary: Temporary) -> None:
        words = spec.item_size // spec.word_size
        self.shape = (*spec.shape, words) if words > 1 else spec.shape
        self._spec = spec
        self._temporary = temporary
        self._read = read
        self._cached = False

    def blocks(self, size: int) -> Iterator[NDArray[np.float64]]:
        """Pieces of the value, widened to float64."""
        return blocks(self._read, self._spec.dtype, self._spec.nbytes, size)

    def cache(self) -> None:
        """Decode the value and keep its bytes."""
        if self._cached:
            return
        nbytes = self._spec.nbytes
        copy = joined(rechunk(self._read(nbytes), CHUNK, nbytes), nbytes, self._temporary)
        self._read = lambda _nbytes: iter((copy,))
        self._cached = True
