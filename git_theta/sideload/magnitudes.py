"""DoRA's magnitudes: new lengths of a weight's rows or columns, stored as the factors that lead to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.codecs.frames import CHUNK
from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.array import Array, check_computable
from git_theta.updates.base import Base, Payload
from git_theta.updates.ia3 import Ia3
from git_theta.updates.rounding import widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.side_loaded import Given


class Magnitudes(Ia3):
    """A weight whose slices along its dimension of outputs have given Euclidean lengths.

    Args:
        dimension: The dimension of outputs: 0, or 1 of a weight of inputs by outputs.
    """

    parts = ("magnitude",)

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension

    def check(self, given: Given, name: str, spec: TensorSpec) -> None:
        """Check that there's a finite magnitude for each output."""
        check_computable(name, spec)
        magnitudes = given["magnitude"]
        if self._dimension >= len(spec.shape) or magnitudes.spec.count != spec.shape[self._dimension]:
            raise magnitudes.misfit(name, spec)
        magnitudes.numbers()

    def encode_given(self, given: Given, spec: TensorSpec, base: Base, value: memoryview | None) -> Payload:
        """The payload of an `ia3` update by the factors, as float64.

        Raises:
            UsageError: A slice of the base is zero, so that no factor gives it a length.
        """
        magnitudes = given["magnitude"]
        lengths = _lengths(base, self._dimension)
        if not lengths.all():
            raise UsageError(
                f"{magnitudes.name!r} in the update data has magnitudes for zeros, which have no direction"
            )
        factors = magnitudes.numbers().reshape(-1) / lengths
        shape = [1] * len(spec.shape)
        shape[self._dimension] = len(factors)
        vector = Array(magnitudes.name, TensorSpec("F64", tuple(shape)), memoryview(factors.tobytes()))
        yield from super().encode_given({"ia3": vector}, spec, base, value)


def _lengths(base: Base, dimension: int) -> NDArray[np.float64]:
    """Euclidean lengths of a value's slices along its first or second dimension."""
    import numpy as np

    spec = base.spec
    first, second = spec.shape[0], spec.shape[1] if len(spec.shape) > 1 else 1
    row = spec.nbytes // max(first, 1)
    rest = spec.count // max(first * second, 1)
    squares = np.zeros(spec.shape[dimension])
    at = 0
    for chunk in base.chunks(max(1, CHUNK // max(row, 1)) * max(row, 1)):
        words = np.frombuffer(chunk, f"<u{spec.word_size}")
        numbers = widen(words, spec.dtype).reshape(-1, second, rest)
        if dimension:
            squares += np.einsum("ijk,ijk->j", numbers, numbers)
        else:
            squares[at : at + len(numbers)] = np.einsum("ijk,ijk->i", numbers, numbers)
        at += len(numbers)
    return np.sqrt(squares)
