"""Sizes in other schemes: XOR planes, differences of ordered integers, ZipNN.

The first two are implemented here after their publications, and count payload bytes only, without headers of
a container or digests. So they're a little better here than they could be in a tool.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import zstandard

from git_theta.model.tensor import FLOATS

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Words = NDArray[np.unsignedinteger[Any]]

_ZSTD_LEVEL = 3
_ZIPNN_TYPES = {
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}


def xor_planes(new: Words, base: Words | None) -> int:
    """Bytes of new XOR base (of new itself, without a base) as byte planes, each a zstd-3 frame.

    The idea of BitX in ZipLLM: equal signs, exponents and leading mantissa bits become zeros.

    Args:
        new: Words of 1, 2, 4 or 8 bytes, any shape.
        base: The same of the older value.
    """
    mixed = (new if base is None else new ^ base).reshape(-1)
    compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL)
    size = 0
    for plane in mixed.view("u1").reshape(-1, mixed.itemsize).T:
        raw = plane.tobytes()
        size += min(len(compressor.compress(raw)), len(raw))
    return size


def ordered_difference(new: Words, base: Words, dtype: str) -> float:
    """Ideal bytes of new - base in FM-Delta's scheme: a lower bound for any coder of it.

    Both values become integers in the order of the floats. A difference is coded as one symbol, its sign and
    bit length, and the raw bits below its leading one. The symbols count with their order-0 entropy over the
    parameter, as if an adaptive range coder knew it from the start.
    """
    import numpy as np

    one, other = ordered(new, dtype), ordered(base, dtype)
    length = bit_length(np.maximum(one, other) - np.minimum(one, other))
    raw_bits = int(np.maximum(length, 1).sum()) - length.size
    symbols = np.where(one < other, -length, length)
    return (entropy(symbols) * symbols.size + raw_bits) / 8


def ordered(words: Words, dtype: str) -> Words:
    """Unsigned integers that compare as the values do.

    Args:
        words: The bit patterns.
        dtype: The dtype of the values, by its name in safetensors.
    """
    import numpy as np

    top = words.dtype.type(1 << (8 * words.itemsize - 1))
    if dtype in FLOATS or dtype.startswith("C"):
        # Negative floats are stored as sign and magnitude: the larger the bits, the smaller the value.
        turned: Words = np.where(words & top, ~words, words | top)
        return turned
    return words ^ top if dtype.startswith("I") else words


def bit_length(magnitudes: Words) -> NDArray[np.int64]:
    """The bit length of each number; 0 for 0."""
    import numpy as np

    bits = 8 * magnitudes.itemsize
    powers = np.left_shift(np.ones(bits, magnitudes.dtype), np.arange(bits, dtype=magnitudes.dtype))
    return np.searchsorted(powers, magnitudes.reshape(-1), side="right")


def entropy(symbols: NDArray[np.integer[Any]]) -> float:
    """Order-0 entropy in bits per symbol; 0 for none."""
    import numpy as np

    _, counts = np.unique(symbols, return_counts=True)
    shares = counts / max(symbols.size, 1)
    return float(shares @ np.log2(1 / shares)) if symbols.size else 0.0


def zipnn() -> Callable[[Words, str], int] | None:
    """A function that gives ZipNN's bytes of a value, from its words and dtype; `None` if it isn't installed.

    Values of a dtype that ZipNN doesn't know, or that grow, count with their raw size.
    """
    try:
        make = import_module("zipnn").ZipNN
    except ImportError:
        return None

    def size(new: Words, dtype: str) -> int:
        if dtype not in _ZIPNN_TYPES:
            return new.nbytes
        # A copy: ZipNN reorders the bytes of its argument in place.
        packed = make(input_format="byte", bytearray_dtype=_ZIPNN_TYPES[dtype]).compress(
            bytearray(new.tobytes())
        )
        return min(len(packed), new.nbytes)

    return size
