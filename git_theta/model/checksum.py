"""Fields of a file that are computed from its other bytes, so that a layout needn't hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

#: The CRC-32 of `length` bytes of the file at `offset`, as the file is when it's asked for. The caller may
#: memoise it from then on, but mustn't compute it early: a range may cover fields that are written before.
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
        crc: Computes a CRC; the fields' own bytes are worked back from theirs.
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
    state = crc ^ _WORD
    for _ in range(32):
        high = state >> 31
        state = ((state ^ (_POLYNOMIAL * high)) << 1 | high) & _WORD
    return state ^ _WORD


#: name → function of the ranges and a CRC of any range, giving the bytes of the field.
#:
#: Checksums are written in the order of their list, after everything else. A range that covers the field of
#: an earlier checksum sees that field's final bytes.
KINDS: Mapping[str, Callable[[Ranges, Crc], bytes]] = {
    "crc32": crc32,
    "torch-serialization-id": torch_serialization_id,
}

#: name → width of the field in bytes.
WIDTHS: Mapping[str, int] = {"crc32": 4, "torch-serialization-id": 20}
