"""Values that no lossy update may express, for the tests of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from git_theta.model.tensor import ITEM_SIZE, TensorSpec
from git_theta.updates.base import UnsuitableError
from git_theta.updates.rounding import ARITHMETIC

#: The payload of a value of a dtype and shape that starts from another one.
Encode = Callable[[bytes, TensorSpec, bytes], bytes]


def check_extreme_values_refused(encode: Encode, base: float, odd: float) -> None:
    """Check that a change from or to an element that isn't finite, or that is too large, is refused.

    Args:
        encode: Encodes a value.
        base: An element of the other values.
        odd: The element.
    """
    ordinary, other = np.array([base, 0, 0], "<f4").tobytes(), np.array([0, odd, 0], "<f4").tobytes()
    for value, start in ((other, ordinary), (ordinary, other)):
        with pytest.raises(UnsuitableError):
            encode(value, TensorSpec("F32", (3,)), start)


def check_other_dtypes_refused(encode: Encode) -> None:
    """Check that dtypes without float arithmetic are refused."""
    for dtype in sorted(set(ITEM_SIZE) - set(ARITHMETIC)):
        spec = TensorSpec(dtype, (4,))
        with pytest.raises(UnsuitableError):
            encode(bytes(spec.nbytes), spec, bytes(spec.nbytes))
