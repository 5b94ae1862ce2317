"""The header of a GGUF file: metadata by key, and the places of tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.gguf.cursor import HeaderCursor
from git_theta.formats.gguf.dtypes import DTYPES
from git_theta.model.manifest_text import MAX_PARAMETERS
from git_theta.model.name_escapes import MAX_NAME
from git_theta.model.tensor import BLOCKS, TensorSpec

MAGIC = b"GGUF"

#: Versions of the format whose sizes have eight bytes. The first one was in use for weeks.
VERSIONS = (2, 3)

#: Bytes of the longest key, which is the format's own limit; the most keys; and the most dimensions.
MAX_KEY = 65_535
_MAX_KEYS = 100_000
MAX_DIMENSIONS = 4

ALIGNMENT = "general.alignment"
_DEFAULT_ALIGNMENT = 32
_MAX_ALIGNMENT = 1 << 20

#: The type of the alignment's value: an unsigned number of four bytes.
_UINT32 = 4


@dataclass(frozen=True, slots=True)
class MetadataValue:
    """A value of metadata.

    Attributes:
        kind: Number of its type.
        start: Position of its first byte in the file, after the type.
        end: Position after its last byte.
    """

    kind: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a file.

    Attributes:
        version: Version of the format.
        big_endian: Whether numbers have their most significant byte first, also those of tensors. Values of
            block types are taken as they are.
        metadata: Values by key, in order.
        tensors: The tensors, in the header's order.
    """

    version: int
    big_endian: bool
    metadata: Mapping[str, MetadataValue]
    tensors: tuple[Tensor, ...]


def read_header(data: memoryview) -> Header:
    """The header at the start of a file.

    Raises:
        FormatError: The header is damaged, of another version, or has more than real ones.
    """
    version, big_endian = read_version(data)
    if version not in VERSIONS:
        raise FormatError(f"version {version} of GGUF isn't known")
    cursor = HeaderCursor(data, 8, big_endian)
    tensors, keys = cursor.number("Q"), cursor.number("Q")
    if tensors > MAX_PARAMETERS or keys > _MAX_KEYS:
        raise FormatError(f"{tensors:,} tensors and {keys:,} keys are more than any file has")
    metadata = _read_metadata(cursor, keys)
    infos = [_read_info(cursor) for _ in range(tensors)]
    begin = aligned(cursor.position, _alignment(data, metadata.get(ALIGNMENT), big_endian))
    found = tuple(
        Tensor(name, spec, begin + offset, big_endian=big_endian and spec.word_size > 1)
        for name, spec, offset in infos
    )
    return Header(version, big_endian, metadata, found)


def read_version(data: memoryview) -> tuple[int, bool]:
    """The version of the format, and whether the file is big-endian: the version is a small number."""
    version = int.from_bytes(data[4:8], "little")
    if version & 0xFFFF:
        return version, False
    return int.from_bytes(data[4:8], "big"), True


def read_alignment(kind: int | None, content: bytes, big_endian: bool) -> int:
    """The alignment of tensors in bytes.

    Args:
        kind: The type of its value in the metadata; `None` if there's none.
        content: The bytes of the value.
        big_endian: Whether its most significant byte is the first.

    Raises:
        FormatError: It's no power of two in four bytes, or above 1 MiB.
    """
    if kind is None:
        return _DEFAULT_ALIGNMENT
    number = int.from_bytes(content, "big" if big_endian else "little")
    if kind != _UINT32 or not 0 < number <= _MAX_ALIGNMENT or number & (number - 1):
        raise FormatError(f"the alignment {number} is no power of two, or larger than any real one")
    return number


def aligned(position: int, alignment: int) -> int:
    """The first aligned position from a position on."""
    return -(-position // alignment) * alignment


def _alignment(data: memoryview, value: MetadataValue | None, big_endian: bool) -> int:
    if value is None:
        return read_alignment(None, b"", big_endian)
    # A value of another type may be long.
    content = bytes(data[value.start : min(value.end, value.start + 4)])
    return read_alignment(value.kind, content, big_endian)


def _read_metadata(cursor: HeaderCursor, count: int) -> dict[str, MetadataValue]:
    found: dict[str, MetadataValue] = {}
    for _ in range(count):
        key, kind = cursor.text(MAX_KEY), cursor.number("I")
        if key in found:
            raise FormatError(f"the key {key[:80]!r} is repeated")
        start = cursor.position
        cursor.skip_value(kind)
        found[key] = MetadataValue(kind, start, cursor.position)
    return found


def _read_info(cursor: HeaderCursor) -> tuple[str, TensorSpec, int]:
    """Name, type and offset of a tensor; dimensions are stored innermost first."""
    name, rank = cursor.text(MAX_NAME), cursor.number("I")
    if rank > MAX_DIMENSIONS:
        raise FormatError(
            f"tensor {name[:80]!r} has {rank} dimensions; at most {MAX_DIMENSIONS} are possible"
        )
    shape = tuple(reversed([cursor.number("Q") for _ in range(rank)]))
    number, offset = cursor.number("I"), cursor.number("Q")
    if number not in DTYPES:
        raise FormatError(f"tensor {name[:80]!r} is of the unknown type {number}")
    try:
        spec = TensorSpec(DTYPES[number], shape)
    except ValueError as error:
        raise FormatError(f"tensor {name[:80]!r} is described wrongly: {error}") from error
    if spec.is_packed and shape[-1] % BLOCKS[spec.dtype][0]:
        raise FormatError(f"the rows of tensor {name[:80]!r} aren't whole blocks of {spec.dtype}")
    return name, spec, offset
