"""Quantisation: codes of few bits, computed from numbers and scales that blocks of rows and columns share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Base
from git_theta.updates.rounding import convert, largest, round_to

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

    Singles = NDArray[np.float32]

#: Dtypes of codes.
CODES = ("I8", "F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")

#: Dtypes of scales, and of quotients before they're rounded to the value's dtype.
PRECISIONS = ("F32", "BF16", "F16")

#: Elements that are computed at a time, or one row.
BLOCK = 1 << 17


@dataclass(frozen=True, slots=True)
class Quantisation:
    """How codes are computed from numbers.

    Attributes:
        rows: Rows that share a scale; a row is the elements of all but the last dimension's indices.
        columns: Columns that share a scale.
        scales: Dtype of the scales, one of `PRECISIONS`.
        through: Dtype that quotients are rounded to first, one of `PRECISIONS`; `F32` changes nothing.
        multiplies: Whether numbers are multiplied by the scales instead of divided.
    """

    rows: int
    columns: int
    scales: str = "F32"
    through: str = "F32"
    multiplies: bool = False

    def scales_spec(self, spec: TensorSpec) -> TensorSpec:
        """Dtype and shape of the scales of a value."""
        rows, columns = matrix_shape(spec)
        return TensorSpec(self.scales, (-(-rows // self.rows), -(-columns // self.columns)))

    def codes(self, numbers: Singles, rows: NDArray[np.intp], scales: Singles, dtype: str) -> Words:
        """The codes of some rows, flat.

        Args:
            numbers: The numbers, shape (rows, columns).
            rows: The index of each row in the value.
            scales: The scales of the value, in the shape of `scales_spec`.
            dtype: Dtype of the codes, one of `CODES`.
        """
        import numpy as np

        here = scales[rows // self.rows]
        if here.shape[1] > 1:
            here = np.repeat(here, self.columns, axis=1)[:, : numbers.shape[1]]
        with np.errstate(all="ignore"):
            quotients = (numbers * here if self.multiplies else numbers / here).reshape(-1)
        if self.through != "F32":
            rounded = convert(quotients.view("<u4"), "F32", self.through)
            quotients = convert(rounded, self.through, "F32").view("<f4")
        quotients[~np.isfinite(quotients)] = 0
        if dtype == "I8":
            integers: Words = np.clip(np.rint(quotients), -128, 127).astype("i1").view("u1")
            return integers
        most = largest(dtype)
        return round_to(np.clip(quotients, -most, most), dtype)


def matrix_shape(spec: TensorSpec) -> tuple[int, int]:
    """Rows and columns of a value: the elements of the last dimension are a row."""
    columns = spec.shape[-1] if spec.shape else 1
    return math.prod(spec.shape[:-1]), columns


def row_blocks(base: Base) -> Iterator[Singles]:
    """The rows of a value as float32, some at a time; each array is valid until the next is asked for."""
    import numpy as np

    _, columns = matrix_shape(base.spec)
    size = max(1, BLOCK // columns) * columns * base.spec.item_size
    for chunk in base.chunks(size):
        yield as_singles(np.frombuffer(chunk, f"<u{base.spec.item_size}"), base.spec.dtype).reshape(
            -1, columns
        )


def as_singles(words: Words, dtype: str) -> Singles:
    """Words as float32, those of float64 rounded."""
    single: Any = words if dtype == "F32" else convert(words, dtype, "F32")
    numbers: Singles = single.view("<f4")
    return numbers
