"""Byte strides of arrays whose dimensions are stored in another order."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.model.tensor import TensorSpec


def strides_of_order(spec: TensorSpec, order: Sequence[int]) -> tuple[int, ...] | None:
    """Byte strides of an array whose elements are stored without gaps; `None` if it's C-contiguous.

    Args:
        spec: Dtype and shape of the array.
        order: Its dimensions from the one with the largest stride to the one whose index varies fastest.
    """
    if 0 in spec.shape:
        return None
    strides, step = [0] * len(spec.shape), spec.item_size
    for dimension in reversed(order):
        strides[dimension] = step
        step *= spec.shape[dimension]
    # The stride of a dimension of one element means nothing.
    pairs = zip(strides, spec.strides, spec.shape, strict=True)
    return None if all(one == other or size == 1 for one, other, size in pairs) else tuple(strides)


def fortran_strides(spec: TensorSpec) -> tuple[int, ...] | None:
    """Byte strides of an array whose first index varies fastest; `None` if it's C-contiguous, too."""
    return strides_of_order(spec, range(len(spec.shape))[::-1])
