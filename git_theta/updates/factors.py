"""Factors: two thin matrices whose product is what a weight moved by, and how to find them.

For a matrix that moved by a product of low rank (LoRA, merged), a random projection catches the whole
range of the difference (Halko, Martinsson and Tropp, "Finding structure with randomness", 2011). What
is beyond the rank is then only the rounding of the weights themselves, whose size is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from git_theta.updates.rounding import round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

    Matrix = NDArray[np.floating[Any]]

#: Ranks above this aren't looked for: decoding costs time in proportion.
MOST_RANK = 64

#: Columns of the random projection beyond the rank.
_OVERSAMPLING = 8

#: Singular values below this many times the largest one that rounding can make are noise.
_NOISE = 1.5

#: Pairs of row blocks, (value, base), of one matrix as float64; each time from the top.
Rows = Callable[[], Iterator[tuple["Matrix", "Matrix"]]]


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a tensor seen as a matrix: the first dimension by all others."""
    rows = shape[0] if shape else 1
    columns = 1
    for size in shape[1:]:
        columns *= size
    return rows, columns


def rank_of(difference: Matrix, noise: float) -> int:
    """How many singular values stand out of noise of that standard deviation."""
    import numpy as np

    values = np.linalg.svd(difference, compute_uv=False)
    return int((values > _NOISE * noise * sum(size**0.5 for size in difference.shape)).sum())


def noise_of(values: Matrix, dtype: str) -> float:
    """The standard deviation of the rounding of these values to a dtype."""
    import numpy as np

    wide = np.frexp(np.abs(values))[1].astype(np.float64) - MANTISSA[dtype]
    return float(np.sqrt(np.mean(np.exp2(2 * wide)) / 12))


#: Bits of the mantissa, the hidden one included.
MANTISSA = {"F32": 24, "BF16": 8, "F16": 11, "F64": 53}


def find(rows: Rows, columns: int, guess: int, dtype: str) -> tuple[Matrix, Matrix] | None:
    """Factors `(left, right)` in float32 of the difference; `None` if its rank isn't low.

    Args:
        rows: The matrices.
        columns: Their width.
        guess: The rank that a part of them has.
        dtype: Of the stored values.
    """
    import numpy as np

    width = min(columns, guess + _OVERSAMPLING)
    probe = np.random.default_rng(0).standard_normal((columns, width))
    blocks, noises, counts = [], [], []
    with np.errstate(all="ignore"):
        for value, base in rows():
            blocks.append((value - base) @ probe)
            noises.append(noise_of(value, dtype))
            counts.append(len(value))
    sketch = np.concatenate(blocks)
    if not np.isfinite(sketch).all():
        return None
    span, _ = np.linalg.qr(sketch)
    inner = np.zeros((span.shape[1], columns))
    at = 0
    for value, base in rows():
        inner += span[at : at + len(value)].T @ (value - base)
        at += len(value)
    left, values, right = np.linalg.svd(inner, full_matrices=False)
    noise = float(np.sqrt(np.average(np.square(noises), weights=counts)))
    rank = int((values > _NOISE * noise * (at**0.5 + columns**0.5)).sum())
    if not 0 < rank < width or rank > MOST_RANK:
        return None
    root = np.sqrt(values[:rank])
    return (span @ left[:, :rank] * root).astype("<f4"), (right[:rank] * root[:, None]).astype("<f4")


def predict(base: Words, dtype: str, left: Matrix, right: Matrix, scale: float) -> Words:
    """`base + scale * left @ right`, rounded once; the same bits on every machine.

    The product is summed rank by rank in float64, by element-wise operations only: the order of the sums
    in a matrix product of a BLAS library depends on the machine.

    Args:
        base: Machine words of a float dtype, a block of rows.
        dtype: Their dtype.
        left: The rows of the left factor for the block, float64.
        right: The right factor, float64.
        scale: Applied to the product.
    """
    import numpy as np

    total = np.zeros((len(left), right.shape[1]))
    step = np.empty_like(total)
    for k in range(len(right)):
        np.multiply(left[:, k, None], right[k], out=step)
        np.add(total, step, out=total)
    if scale != 1:
        np.multiply(total, scale, out=total)
    np.add(total, widen(base, dtype).reshape(total.shape), out=total)
    return round_to(total.reshape(-1), dtype)
