"""The rank of a change, and what storing it by factors costs, estimated from a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Sample
from git_theta.updates.factors import MANTISSA, approximate, matrix_shape, noise_of, rank_of
from git_theta.updates.residual import ResidualWriter
from git_theta.updates.rounding import round_to, widen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: A matrix with fewer rows or columns isn't worth the search for factors.
_MIN_SIDE = 32

#: Rows and columns of the part of a sample whose singular values are computed: few are cheap and show small
#: ranks; more are taken for matrices with sides of at least `_LARGE`, where larger ranks pay.
_FEW, _MORE, _LARGE = 48, 160, 1024

#: Factor for all estimates: they fit the noise of a part better than that of the whole matrix. A change whose
#: estimate is close to those of other updates is mostly rounding noise, and has no low rank.
_CAUTION = 1.2

#: Rows that a prediction is tried on, as a multiple of the rank.
_TRIED_ROWS = 8

#: Compressed size of factors in float32 as a share of their bytes.
_FACTOR_SHARE = 0.87


def estimate_cost(sample: Sample) -> float | None:
    """The expected size of factors and residual as a share of the value's bytes; `None` for no low rank."""
    rank = _rank(sample)
    residual = _residual_share(sample, rank) if rank else None
    if residual is None:
        return None
    rows, columns = matrix_shape(sample.spec.shape)
    factors = _FACTOR_SHARE * 4 * rank * (rows + columns) / sample.spec.nbytes
    return _CAUTION * (factors + residual)


def may_have_low_rank(spec: TensorSpec) -> bool:
    """Whether a change of a tensor of that type may be stored by factors."""
    return spec.dtype in MANTISSA and min(matrix_shape(spec.shape)) >= _MIN_SIDE


def whole_rows(sample: Sample) -> tuple[int, int]:
    """The index of the first word of the first whole row in a sample, and the number of whole rows."""
    columns = matrix_shape(sample.spec.shape)[1]
    first = -sample.start % columns
    return first, (len(sample.value) - first) // columns


def _residual_share(sample: Sample, rank: int) -> float | None:
    """The size of the residual beyond an approximation of that rank, as a share of the bytes of some rows.

    `None` if the change isn't finite.
    """
    import numpy as np

    columns = matrix_shape(sample.spec.shape)[1]
    first, count = whole_rows(sample)
    count = min(count, max(_MIN_SIDE, _TRIED_ROWS * rank))
    after, before = (words[first : first + count * columns] for words in (sample.value, sample.base))
    base = widen(before, sample.spec.dtype)
    with np.errstate(all="ignore"):
        change = (widen(after, sample.spec.dtype) - base).reshape(count, columns)
    if not np.isfinite(change).all():
        return None
    prediction = round_to(base + approximate(change, rank).reshape(-1), sample.spec.dtype)
    return sum(map(len, ResidualWriter(sample.spec, len(after)).frames(after, prediction))) / after.nbytes


def _rank(sample: Sample) -> int:
    """The rank of the change in a sample, if it's low enough to pay; else 0."""
    spec = sample.spec
    rows, columns = matrix_shape(spec.shape)
    if not may_have_low_rank(spec):
        return 0
    first, count = whole_rows(sample)
    if count < _MIN_SIDE:
        return 0
    change, noise = _change(sample, first, count, _FEW)
    rank = rank_of(change, noise)
    if rank > min(change.shape) // 2 and min(rows, columns) >= _LARGE:
        change, noise = _change(sample, first, count, _MORE)
        rank = rank_of(change, noise)
    # Where few rows or columns changed, the rank is low for that reason, and each change is of its own.
    changed = min(int((change != 0).any(axis=axis).sum()) for axis in (0, 1))
    return rank if rank <= changed // 2 else 0


def _change(sample: Sample, first: int, count: int, side: int) -> tuple[NDArray[np.float64], float]:
    """A submatrix of the change, about `side` by `side`, and the rounding noise in it (standard deviation).

    Zeros if an element isn't finite.

    Args:
        sample: Value and base.
        first: Index of the first word of the first whole row.
        count: Number of whole rows.
        side: Rows and columns to take, about.
    """
    import numpy as np

    spec = sample.spec
    columns = matrix_shape(spec.shape)[1]
    value, base = (
        widen(
            words[first : first + count * columns]
            .reshape(count, columns)[:: max(1, count // side), :: max(1, columns // side)]
            .reshape(-1),
            spec.dtype,
        )
        for words in (sample.value, sample.base)
    )
    with np.errstate(over="ignore", invalid="ignore"):
        change = value - base
    if not np.isfinite(change).all():
        change[:] = 0
    across = len(range(0, columns, max(1, columns // side)))
    return change.reshape(-1, across), noise_of(value, spec.dtype)
