"""A value moved between versions of a parent that are in another float dtype."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.errors import ThetaError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input, Pieces
from git_theta.updates.recipe import blocks
from git_theta.updates.rounding import round_to, widen

#: Elements that are computed at once.
_BLOCK = 1 << 14


def moved_value(inputs: Sequence[Input], specs: Sequence[TensorSpec]) -> Pieces:
    """Child + (new - old) in float64, rounded once to the child's dtype.

    Where an element of the child is that of the old parent in the child's dtype, the result is that of the
    new parent in that dtype: a copy in half precision stays one.

    Args:
        inputs: Give the bytes of the child, of the parent's old version, and of its new one.
        specs: Dtype and shape of each of these; the shapes are equal, the dtypes are floats.

    Raises:
        CorruptError: A value has another size.
        ThetaError: An element is infinite or NaN, which neither the child nor the new version is there.
    """
    import numpy as np

    dtype = specs[0].dtype
    streams = [
        blocks(read, spec.dtype, spec.nbytes, _BLOCK) for read, spec in zip(inputs, specs, strict=True)
    ]
    for mine, before, after in zip(*streams, strict=True):
        is_same = mine == widen(round_to(before, dtype), dtype)
        with np.errstate(invalid="ignore", over="ignore"):
            moved = mine + (after - before)
        words = round_to(np.where(is_same, after, moved), dtype)
        wide = widen(words, dtype)
        if (np.isfinite(mine) & np.isfinite(after) & ~np.isfinite(wide)).any():
            raise ThetaError(f"an element is infinite or NaN in {dtype}, which no version has")
        yield words.data.cast("B")
