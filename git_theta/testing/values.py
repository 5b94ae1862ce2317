"""Sample values of parameters: the same bytes on every machine and in every run."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import numpy as np

from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.updates.base import Input, Pieces
from git_theta.updates.rounding import round_to

#: Shapes of sample values: empty, a scalar, odd sizes, and longer than a chunk of a codec.
SHAPES = ((0,), (), (3,), (5, 7), (300_001,))

#: Bytes of the pieces in which an input is given. The size is odd, as no update may rely on where pieces end.
_PIECE = 100_003


def all_specs() -> Iterator[TensorSpec]:
    """Every dtype in every sample shape."""
    return (TensorSpec(dtype, shape) for dtype in ITEM_SIZE for shape in SHAPES)


def sample_value(spec: TensorSpec) -> bytes:
    """A value whose first half is random bytes and whose second half is zeros."""
    middle = spec.nbytes // 2
    noise = Random(f"{spec.dtype}{spec.shape}").randbytes(spec.nbytes)  # noqa: S311
    return noise[:middle] + bytes(spec.nbytes - middle)


def sample_weights(spec: TensorSpec, seed: int, *, positive: bool = False) -> bytes:
    """Normally distributed weights of standard deviation 0.02, rounded to the spec's float dtype.

    Args:
        spec: Dtype and shape.
        seed: Other seeds give other weights.
        positive: Whether to give the absolute values.
    """
    weights = np.random.default_rng([seed, spec.count]).normal(0, 0.02, spec.count)
    return round_to(np.abs(weights) if positive else weights, spec.dtype).tobytes()


def as_input(value: bytes) -> Input:
    """The value as an input of an update, in pieces of an odd size; each is overwritten by the next."""

    def read(_nbytes: int) -> Pieces:
        buffer = bytearray(_PIECE)
        for start in range(0, len(value), _PIECE):
            size = min(_PIECE, len(value) - start)
            buffer[:size] = value[start : start + size]
            yield memoryview(buffer)[:size]

    return read
