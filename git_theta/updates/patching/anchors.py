"""Anchors: positions in a file that depend on the bytes there alone, so that equal stretches have equal ones.

Whatever comes before a stretch, its anchors are the same: they're found again though the stretch moved.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Positions = NDArray[np.int64]

#: Bytes that decide whether their position is an anchor.
_WINDOW = 8

#: Positions that are looked at at a time: few enough for a processor's cache.
_CHUNK = 1 << 18

#: Anchors whose keys are made at a time.
_GROUP = 1 << 16

#: A hash multiplies by 2⁶⁴ divided by the golden ratio. Before, bits are flipped: zeros are no anchors.
_MULTIPLIER = 0x9E3779B97F4A7C15
_SALT = 0xD6E8FEB86659FD93


@dataclass(frozen=True, eq=False, slots=True)
class Anchors:
    """The anchors of a file.

    Attributes:
        positions: Offsets in bytes, ascending.
        keys: uint64: a hash of the bytes that begin at each.
    """

    positions: Positions
    keys: NDArray[np.uint64]


def find_anchors(data: Bytes, spacing: int, key_size: int) -> Anchors:
    """The anchors of some bytes.

    Args:
        data: The bytes; any stride will do.
        spacing: The mean distance of anchors in bytes, a power of two.
        key_size: Bytes that a key is made from, a multiple of 8, 16 at least.
    """
    import numpy as np

    limit = np.uint64((1 << 64) // spacing)
    found = []
    count = len(data) - key_size + 1
    for start in range(0, count, _CHUNK):
        stop = min(count, start + _CHUNK)
        chunk = np.ascontiguousarray(data[start : stop + _WINDOW - 1])
        for phase in range(_WINDOW):
            words = (len(chunk) - phase) // _WINDOW
            hashes = word_hashes(chunk[phase : phase + words * _WINDOW].copy().view("<u8"))
            found.append(np.flatnonzero(hashes < limit) * _WINDOW + (start + phase))
    positions = np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)
    keys, flat = anchor_keys(data, positions, key_size)
    return Anchors(positions[~flat], keys[~flat])


def word_hashes(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The hash of each word; where it's small, an anchor begins."""
    import numpy as np

    hashes = np.bitwise_xor(words, np.uint64(_SALT))
    np.multiply(hashes, np.uint64(_MULTIPLIER), out=hashes)
    return hashes


def common_anchors(anchors: Anchors, others: Anchors) -> tuple[Positions, Positions]:
    """Positions of equal anchors, ascending, and for each that of the first equal one in the other file."""
    import numpy as np

    keys, first = np.unique(others.keys, return_index=True)
    if not len(keys):
        return np.empty(0, np.int64), np.empty(0, np.int64)
    places = np.minimum(np.searchsorted(keys, anchors.keys), len(keys) - 1)
    equal = keys[places] == anchors.keys
    return anchors.positions[equal], others.positions[first[places[equal]]]


def anchor_keys(data: Bytes, positions: Positions, size: int) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """The key at each position, and whether the bytes there repeat, so that the key says nothing.

    Args:
        data: The bytes; any stride will do.
        positions: Where keys begin; there are `size` bytes at each.
        size: Bytes that a key is made from, a multiple of 8, 16 at least.
    """
    import numpy as np

    keys = np.zeros(len(positions), np.uint64)
    flat = np.zeros(len(positions), bool)
    for start in range(0, len(positions), _GROUP):
        places = positions[start : start + _GROUP, None] + np.arange(size)
        words = data[places].view("<u8")
        total = keys[start : start + _GROUP]
        for column in words.T:
            np.bitwise_xor(total, column, out=total)
            np.multiply(total, _MULTIPLIER, out=total)
            np.bitwise_xor(total, total >> np.uint64(29), out=total)
        flat[start : start + _GROUP] = words[:, 0] == words[:, 1]
    return keys, flat
