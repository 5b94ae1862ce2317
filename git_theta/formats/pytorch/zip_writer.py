"""Lay out a zip archive as PyTorch does: stored records at aligned positions."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.formats.base import ComposeError
from git_theta.formats.blank import blank
from git_theta.formats.pytorch.slots import Slot
from git_theta.formats.zip_structs import (
    DESCRIBED,
    DESCRIPTOR,
    DESCRIPTOR_64,
    DESCRIPTOR_MAGIC,
    END,
    END_64,
    ENTRY,
    ENTRY_MAGIC,
    LOCAL,
    LOCAL_MAGIC,
    LOCATOR_64,
    UTF_8,
    WIDE_32,
    narrow_end,
    wide_end,
    wide_field,
)

#: The name of a record, and its bytes or its storage.
Record = tuple[str, bytes | Slot]

#: The versions of the format that PyTorch writes: Unix's 3.0, and 4.5.
_MADE_BY, _NEEDED = 0x31E, 45

_MAX_NAME = 1 << 12

#: Id of the extra field in which PyTorch pads up to the alignment, and the byte that it pads with.
_FIELD, _FILLER = b"FB", b"Z"


@dataclass(frozen=True, slots=True)
class _Place:
    """A record and the positions of its header and its bytes."""

    name: bytes
    header: int
    content: int
    size: int

    @property
    def is_wide(self) -> bool:
        return self.header >= WIDE_32 or self.size >= WIDE_32

    @property
    def flags(self) -> int:
        return UTF_8 | (DESCRIBED if self.size else 0)

    @property
    def end(self) -> int:
        if not self.size:
            return self.content
        return self.content + self.size + (DESCRIPTOR_64 if self.is_wide else DESCRIPTOR).size

    @property
    def wide_field(self) -> bytes:
        """The 64-bit extra field: the numbers that don't fit into 32 bits."""
        if not self.is_wide:
            return b""
        sizes = (self.size, self.size) if self.size >= WIDE_32 else ()
        numbers = (*sizes, *((self.header,) if self.header >= WIDE_32 else ()))
        return wide_field(*numbers)


def write_archive(folder: str, records: Sequence[Record], alignment: int) -> memoryview:
    """A file of these records, without the values of tensors and the checksums of their storages.

    Args:
        folder: The folder of all records.
        records: Records in the order of the file.
        alignment: A divisor of the positions of all records' bytes.

    Raises:
        ComposeError: A name is too long, or there's no room.
    """
    places, position = [], 0
    for name, content in records:
        size = content.nbytes if isinstance(content, Slot) else len(content)
        places.append(_place(f"{folder}/{name}".encode(), position, size, alignment))
        position = places[-1].end
    entries = [len(place.name) + len(place.wide_field) + ENTRY.size for place in places]
    end = position + sum(entries)
    data = blank(end + END_64.size + LOCATOR_64.size + END.size)
    for place, (_, content) in zip(places, records, strict=True):
        _write_record(data, place, content)
    for place, (_, content), size in zip(places, records, entries, strict=True):
        data[position : position + size] = _entry(place, content)
        position += size
    directory = end - sum(entries), sum(entries), len(places)
    data[end:] = wide_end(*directory, _MADE_BY, _NEEDED) + narrow_end(*directory)
    return data


def _place(name: bytes, position: int, size: int, alignment: int) -> _Place:
    if len(name) > _MAX_NAME:
        raise ComposeError("the name of a record is too long")
    wide = len(_Place(name, position, 0, size).wide_field)
    begin = position + LOCAL.size + len(name) + wide + 4
    return _Place(name, position, -(-begin // alignment) * alignment, size)


def _write_record(data: memoryview, place: _Place, content: bytes | Slot) -> None:
    extra = place.wide_field
    filler = place.content - place.header - LOCAL.size - len(place.name) - len(extra) - 4
    extra += _FIELD + struct.pack("<H", filler) + _FILLER * filler
    head = LOCAL.pack(LOCAL_MAGIC, 0, place.flags, 0, 0, 0, 0, 0, 0, len(place.name), len(extra))
    data[place.header : place.content] = head + place.name + extra
    end = place.content + place.size
    if isinstance(content, Slot):
        content.fill(data[place.content : end])
    else:
        data[place.content : end] = content
    if place.size:
        form = DESCRIPTOR_64 if place.is_wide else DESCRIPTOR
        data[end : place.end] = form.pack(DESCRIPTOR_MAGIC, _crc(content), place.size, place.size)


def _entry(place: _Place, content: bytes | Slot) -> bytes:
    extra = place.wide_field
    size = min(place.size, WIDE_32)
    numbers = (
        _crc(content),
        size,
        size,
        len(place.name),
        len(extra),
        0,
        0,
        0,
        0,
        min(place.header, WIDE_32),
    )
    return ENTRY.pack(ENTRY_MAGIC, 0, 0, place.flags, 0, 0, 0, *numbers) + place.name + extra


def _crc(content: bytes | Slot) -> int:
    return content.crc() if isinstance(content, Slot) else zlib.crc32(content)
