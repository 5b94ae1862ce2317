"""Given: what the user says should happen to one parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.rounding import ARITHMETIC, round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Array:
    """A tensor from update data.

    Attributes:
        name: As in the file, for messages.
        spec: Dtype and shape.
        data: Logical bytes: C-contiguous, little-endian.
    """

    name: str
    spec: TensorSpec
    data: memoryview

    def numbers(self) -> NDArray[np.float64]:
        """Its elements, exactly, in its shape.

        Raises:
            UsageError: They aren't floats that git-theta computes with, or not all are finite.
        """
        import numpy as np

        if self.spec.dtype not in ARITHMETIC:
            raise UsageError(
                f"{self.name!r} in the update data has dtype {self.spec.dtype}",
                f"use {', '.join(ARITHMETIC)}",
            )
        numbers = widen(np.frombuffer(self.data, f"<u{self.spec.item_size}"), self.spec.dtype)
        if not np.isfinite(numbers).all():
            raise UsageError(f"{self.name!r} in the update data has elements that are NaN or infinite")
        return numbers.reshape(self.spec.shape)

    def reshaped(self, *shape: int) -> Array:
        """The same elements in another shape."""
        return Array(self.name, TensorSpec(self.spec.dtype, shape), self.data)

    def transposed(self) -> Array:
        """A matrix with rows and columns swapped."""
        import numpy as np

        words = np.frombuffer(self.data, f"<u{self.spec.item_size}").reshape(self.spec.shape)
        rows, columns = self.spec.shape
        data = memoryview(words.T.tobytes())
        return Array(self.name, TensorSpec(self.spec.dtype, (columns, rows)), data)

    def as_dtype(self, dtype: str) -> Array:
        """The elements, rounded to another float dtype."""
        if dtype == self.spec.dtype:
            return self
        data = memoryview(round_to(self.numbers().reshape(-1), dtype).tobytes())
        return Array(self.name, TensorSpec(dtype, self.spec.shape), data)


@dataclass(frozen=True, slots=True)
class LowRankGiven:
    """Add `scale * left @ right` to the parameter, seen as a matrix by its first dimension.

    Attributes:
        left: `rows, rank`.
        right: `rank, columns`; of the same dtype.
        scale: Applied to the product.
    """

    left: Array
    right: Array
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class SparseGiven:
    """Add numbers to some elements.

    Attributes:
        places: Their indices in the flattened parameter, int64; where one is repeated, all are added.
        numbers: As many numbers, float64.
    """

    places: NDArray[np.int64]
    numbers: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ia3Given:
    """Multiply the parameter by an array that is broadcast against it."""

    vector: Array


@dataclass(frozen=True, slots=True)
class DenseGiven:
    """Replace the parameter."""

    value: Array


Given = LowRankGiven | SparseGiven | Ia3Given | DenseGiven

#: The command's names of updates that take data.
KINDS = ("low-rank", "sparse", "ia3", "dense")
