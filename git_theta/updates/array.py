"""Arrays that a user gives: tensors from a file of update data."""

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
        name: Name in the file, for messages.
        spec: Dtype and shape.
        data: Logical bytes: C-contiguous, little-endian.
    """

    name: str
    spec: TensorSpec
    data: memoryview

    def numbers(self) -> NDArray[np.float64]:
        """The elements as float64, exactly, in the tensor's shape.

        Raises:
            UsageError: The dtype is none of `ARITHMETIC`, or an element is NaN or infinite.
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
        """The elements, rounded to another float dtype.

        Raises:
            UsageError: As for `numbers`, if the dtype differs.
        """
        if dtype == self.spec.dtype:
            return self
        data = memoryview(round_to(self.numbers().reshape(-1), dtype).tobytes())
        return Array(self.name, TensorSpec(dtype, self.spec.shape), data)

    def check_shape(self, shape: tuple[int, ...], name: str, spec: TensorSpec) -> None:
        """Check that the tensor has a shape.

        Args:
            shape: The wanted shape.
            name: The parameter that the tensor is for.
            spec: Dtype and shape of the parameter.

        Raises:
            UsageError: The shape is another one.
        """
        if self.spec.shape != shape:
            raise self.misfit(name, spec)

    def misfit(self, name: str, spec: TensorSpec) -> UsageError:
        """The error for a tensor whose shape doesn't fit a parameter."""
        return UsageError(
            f"{self.name!r} in the update data has shape {list(self.spec.shape)}, "
            f"which doesn't fit parameter {name!r} of shape {list(spec.shape)}"
        )


def check_computable(name: str, spec: TensorSpec) -> None:
    """Check that git-theta computes in a parameter's dtype.

    Raises:
        UsageError: The dtype is none of `ARITHMETIC`.
    """
    if spec.dtype not in ARITHMETIC:
        raise UsageError(f"parameter {name!r} has dtype {spec.dtype}, in which git-theta doesn't compute")
