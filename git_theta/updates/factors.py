"""Factors: two thin matrices whose product is the change of a weight, and how to find them.

For a matrix that moved by a product of low rank (a merged LoRA), a random projection spans the whole
range of the difference (Halko, Martinsson and Tropp, "Finding structure with randomness", 2011). Singular
values beyond the rank are then only rounding noise of the weights, whose size is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from git_theta.updates.rounding import round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.updates.base import Words

    Matrix = NDArray[np.floating[Any]]

#: Higher ranks aren't searched for: the time to decode is proportional to the rank.
MAX_RANK = 64

#: Columns of the random projection beyond the rank.
_OVERSAMPLING = 8

#: A singular value counts from this many times the expected largest one of rounding noise.
_NOISE_FACTOR = 1.5

#: Rows of a tall matrix that are decomposed at a time.
_TALL = 4096

#: Rounding noise is measured on every eighth row: exponents take longer to count than the products.
_NOISE_STRIDE = 8

#: Singular values below this share of the largest are arithmetic noise; by bytes of the float type.
_NEGLIGIBLE = {4: 1e-5, 8: 1e-10}

#: Gives pairs of row blocks, (value, base), of one matrix as float64; from the top at each call.
RowBlocks = Callable[[], Iterator[tuple["Matrix", "Matrix"]]]


def matrix_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of a tensor seen as a matrix: its first dimension by the product of the others."""
    rows = shape[0] if shape else 1
    columns = 1
    for size in shape[1:]:
        columns *= size
    return rows, columns


def rank_of(difference: Matrix, noise: float) -> int:
    """Number of singular values of a matrix that stand out of noise.

    Args:
        difference: The matrix.
        noise: Standard deviation of the noise in its elements.
    """
    import numpy as np

    values = np.linalg.svd(difference, compute_uv=False)
    return int((values > _NOISE_FACTOR * noise * sum(size**0.5 for size in difference.shape)).sum())


def noise_of(values: Matrix, dtype: str) -> float:
    """The standard deviation of the error of rounding these values to a dtype, a key of `MANTISSA`.

    It's infinite for values near the largest of F64, as in masks: nothing stands out of that.
    """
    import numpy as np

    with np.errstate(over="ignore"):
        wide = np.frexp(np.abs(values))[1].astype(np.float64) - MANTISSA[dtype]
        return float(np.sqrt(np.mean(np.exp2(2 * wide)) / 12))


#: Bits of the mantissa by dtype, the hidden one included.
MANTISSA = {"F32": 24, "BF16": 8, "F16": 11, "F64": 53}


def find_factors(
    blocks: RowBlocks, shape: tuple[int, int], guess: int, dtype: str
) -> tuple[Matrix, Matrix] | None:
    """Factors of the difference, rows by rank and rank by columns in float32; `None` if its rank isn't low.

    Args:
        blocks: Value and base.
        shape: Rows and columns of both.
        guess: Upper bound of the rank.
        dtype: Dtype of the stored values, a key of `MANTISSA`.
    """
    import numpy as np

    height, columns = shape
    width = min(columns, guess + _OVERSAMPLING)
    # Values of 16 bits have no digits beyond float32.
    work = np.float32 if MANTISSA[dtype] < 16 else np.float64
    probe = np.random.default_rng(0).standard_normal((columns, width)).astype(work)
    sketch = np.empty((height, width), work)
    start, noise = 0, 0.0
    with np.errstate(all="ignore"):
        for value, base in blocks():
            np.matmul((value - base).astype(work), probe, out=sketch[start : start + len(value)])
            noise += len(value) / height * noise_of(value[::_NOISE_STRIDE], dtype) ** 2
            start += len(value)
    span = _span(sketch)
    if span is None:
        return None
    inner = np.zeros((span.shape[1], columns))
    start = 0
    for value, base in blocks():
        inner += span[start : start + len(value)].T @ (value - base).astype(work)
        start += len(value)
    left, values, right = np.linalg.svd(inner, full_matrices=False)
    rank = int((values > _NOISE_FACTOR * noise**0.5 * (height**0.5 + columns**0.5)).sum())
    if not 0 < rank < width or rank > MAX_RANK:
        return None
    root = np.sqrt(values[:rank])
    found = np.matmul(span, (left[:, :rank] * root).astype(work))
    return found.astype("<f4", copy=False), (right[:rank] * root[:, None]).astype("<f4")


def approximate(difference: Matrix, rank: int) -> Matrix:
    """The nearest matrix of a rank to a small one, nearly."""
    import numpy as np

    width = min(*difference.shape, rank + _OVERSAMPLING)
    probe = np.random.default_rng(0).standard_normal((difference.shape[1], width))
    span, _ = np.linalg.qr(difference @ probe)
    left, values, right = np.linalg.svd(span.T @ difference, full_matrices=False)
    nearest: Matrix = (span @ (left[:, :rank] * values[:rank])) @ right[:rank]
    return nearest


def _span(sketch: Matrix) -> Matrix | None:
    """An orthonormal basis of the columns, in the same memory; `None` if they're all zero or not finite.

    Only the triangle of a QR decomposition is computed, block by block: LAPACK's copies of a tall matrix
    would be several times its size.
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


def predict(
    base: Words, dtype: str, left: Matrix, right: Iterable[NDArray[np.float64]], scale: float
) -> Words:
    """`base + scale * left @ right`, rounded once; the same bits on every machine.

    The product is summed rank by rank in float64, by element-wise operations only: in a matrix product of a
    BLAS library, the order of the sums depends on the machine.

    Args:
        base: Machine words of a block of rows, flat.
        dtype: Their dtype, one of `ARITHMETIC`.
        left: The block's rows of the left factor, float64, block rows by rank.
        right: The rows of the right factor, float64, each of as many elements as there are columns.
        scale: The product is multiplied by this.
    """
    import numpy as np

    total = np.zeros((len(left), len(base) // max(1, len(left))))
    step = np.empty_like(total)
    for k, row in enumerate(right):
        np.multiply(left[:, k, None], row, out=step)
        np.add(total, step, out=total)
    if scale != 1:
        np.multiply(total, scale, out=total)
    np.add(total, widen(base, dtype).reshape(total.shape), out=total)
    return round_to(total.reshape(-1), dtype)
