"""Checksum fields: computed from other bytes of the file, so that a layout needn't hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

#: Gives the CRC-32 of `length` bytes of the file at `offset`, at the time of the call. Results may be cached,
#: but not computed early: a range may cover fields that are written in between.
Crc = Callable[[int, int], int]
Ranges = Sequence[tuple[int, int]]

_POLYNOMIAL = 0xEDB88320
_WORD = 0xFFFFFFFF
_LONG = 0xFFFFFFFFFFFFFFFF


def crc32(ranges: Ranges, crc: Crc) -> bytes:
    """The CRC-32 of one range, four bytes, little-endian: the field of zip archives."""
    ((offset, length),) = ranges
    return crc(offset, length).to_bytes(4, "little")


def torch_serialization_id(ranges: Ranges, crc: Crc) -> bytes:
    """The second half of PyTorch's serialization id: 20 digits that combine the CRCs of the records.

    Args:
        ranges: The four-byte, little-endian CRC-32 fields of the archive's directory, in order.
        crc: Computes a CRC-32; the bytes of each field are recovered from the CRC of the field.
    """
    seed = 0
    for offset, length in ranges:
        if length != 4:
            raise ValueError(f"a CRC-32 field has four bytes, not {length}")
        value = _four_bytes_with_crc(crc(offset, 4))
        seed = (seed ^ (value + 0x9E3779B9 + (seed << 6) + (seed >> 2))) & _LONG
    return b"%020d" % seed


def _four_bytes_with_crc(crc: int) -> int:
    """The only four bytes, as a little-endian integer, whose CRC-32 is `crc`."""
    state, back = crc ^ _WORD, _eight_bits_back()
    for _ in range(4):
        state = (state << 8 & _WORD) ^ back[state >> 24]
    return state ^ _WORD


@cache
def _eight_bits_back() -> tuple[int, ...]:
    """States of a CRC-32 before eight zero bits, by the top byte of the state after them."""
    states = []
    for state in range(0, 1 << 32, 1 << 24):
        for _ in range(8):
            high = state >> 31
            state = ((state ^ (_POLYNOMIAL * high)) << 1 | high) & _WORD
        states.append(state)
    return tuple(states)


#: Functions that compute the bytes of a field, by the checksum's kind.
#:
#: Checksums are written in the order of the layout's list, after everything else. A range that covers the
#: field of an earlier checksum has that field's final bytes.
KINDS: Mapping[str, Callable[[Ranges, Crc], bytes]] = {
    "crc32": crc32,
    "torch-serialization-id": torch_serialization_id,
}

#: Bytes of a field, by the checksum's kind.
WIDTHS: Mapping[str, int] = {"crc32": 4, "torch-serialization-id": 20}
