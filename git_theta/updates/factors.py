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

#: Rows of a tall matrix that are worked on at a time.
_TALL = 4096

#: Every so manieth row says how large rounding is: counting bits takes longer than the products.
_SKIP = 8

#: Directions that are smaller than this share of the largest are noise of the arithmetic, by its bytes.
_NEGLIGIBLE = {4: 1e-5, 8: 1e-10}

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


def find(rows: Rows, shape: tuple[int, int], guess: int, dtype: str) -> tuple[Matrix, Matrix] | None:
    """Factors `(left, right)` in float32 of the difference; `None` if its rank isn't low.

    Args:
        rows: The matrices.
        shape: Their height and width.
        guess: The rank that a part of them has.
        dtype: Of the stored values.
    """
    import numpy as np

    height, columns = shape
    width = min(columns, guess + _OVERSAMPLING)
    # What 16 bits can't say needs no more than float32.
    work = np.float32 if MANTISSA[dtype] < 16 else np.float64
    probe = np.random.default_rng(0).standard_normal((columns, width)).astype(work)
    sketch = np.empty((height, width), work)
    at, noise = 0, 0.0
    with np.errstate(all="ignore"):
        for value, base in rows():
            np.matmul((value - base).astype(work), probe, out=sketch[at : at + len(value)])
            noise += len(value) / height * noise_of(value[::_SKIP], dtype) ** 2
            at += len(value)
    span = _span(sketch)
    if span is None:
        return None
    inner = np.zeros((span.shape[1], columns))
    at = 0
    for value, base in rows():
        inner += span[at : at + len(value)].T @ (value - base).astype(work)
        at += len(value)
    left, values, right = np.linalg.svd(inner, full_matrices=False)
    rank = int((values > _NOISE * noise**0.5 * (height**0.5 + columns**0.5)).sum())
    if not 0 < rank < width or rank > MOST_RANK:
        return None
    root = np.sqrt(values[:rank])
    found = np.matmul(span, (left[:, :rank] * root).astype(work))
    return found.astype("<f4", copy=False), (right[:rank] * root[:, None]).astype("<f4")


def approximate(difference: Matrix, rank: int) -> Matrix:
    """About the nearest matrix of a rank to a small one."""
    import numpy as np

    width = min(*difference.shape, rank + _OVERSAMPLING)
    probe = np.random.default_rng(0).standard_normal((difference.shape[1], width))
    span, _ = np.linalg.qr(difference @ probe)
    left, values, right = np.linalg.svd(span.T @ difference, full_matrices=False)
    nearest: Matrix = (span @ (left[:, :rank] * values[:rank])) @ right[:rank]
    return nearest


def _span(sketch: Matrix) -> Matrix | None:
    """Orthonormal columns that span the same, in the same memory; `None` if it's nothing, or not finite.

    The triangle of a QR decomposition, which is all that's needed of it, is made block by block: LAPACK's
    copies of a tall matrix would be several times its size.
    """
    import numpy as np

    width = sketch.shape[1]
    triangle: Matrix = np.zeros((0, width))
    for start in range(0, len(sketch), _TALL):
        block = sketch[start : start + _TALL]
        if not np.isfinite(block).all():
            return None
        triangle = np.asarray(np.linalg.qr(np.concatenate([triangle, block]), mode="r"))
    _, values, right = np.linalg.svd(triangle, full_matrices=False)
    kept = int((values > _NEGLIGIBLE[sketch.dtype.itemsize] * values[0]).sum())
    turn = (right[:kept].T / values[:kept]).astype(sketch.dtype)
    for start in range(0, len(sketch), _TALL):
        sketch[start : start + _TALL, :kept] = sketch[start : start + _TALL] @ turn
    return sketch[:, :kept] if kept else None


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
