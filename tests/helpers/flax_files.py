"""Files as Flax writes them; the functions are those of `flax.serialization`."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np


def flax_bytes(tree: object, largest: int = 1 << 30) -> bytes:
    """The bytes of a tree of maps and lists.

    Args:
        tree: The tree; leaves are arrays of NumPy's, its scalars, numbers and texts.
        largest: Bytes of the largest array that isn't cut into chunks.
    """
    packed: bytes = msgpack.packb(_chunked(tree, largest), default=_extension, strict_types=True)
    return packed


def _chunked(tree: Any, largest: int) -> Any:
    if isinstance(tree, dict):
        return {key: _chunked(value, largest) for key, value in tree.items()}
    if not isinstance(tree, np.ndarray) or tree.nbytes <= largest:
        return tree
    size, flat = max(1, largest // tree.itemsize), tree.reshape(-1)
    chunks = [flat[start : start + size] for start in range(0, flat.size, size)]
    shape, parts = ({str(n): each for n, each in enumerate(one)} for one in (tree.shape, chunks))
    return {"__msgpack_chunked_array__": True, "shape": shape, "chunks": parts}


def _extension(value: object) -> object:
    if isinstance(value, np.ndarray):
        return msgpack.ExtType(1, _array(value))
    if isinstance(value, np.generic):
        return msgpack.ExtType(3, _array(np.asarray(value)))
    if isinstance(value, complex):
        return msgpack.ExtType(2, msgpack.packb((value.real, value.imag)))
    return value


def _array(value: Any) -> bytes:
    packed: bytes = msgpack.packb((value.shape, value.dtype.name, value.tobytes()), use_bin_type=True)
    return packed
