"""The index of a bundle: dtype, shape and place of each tensor, by name."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.errors import FormatError
from git_theta.formats.protobuf import LENGTH, VARINT, WireReader
from git_theta.formats.tensorflow.table import table_entries
from git_theta.model.manifest_text import MAX_PARAMETERS
from git_theta.model.tensor import MAX_DIMENSIONS, TensorSpec

#: Dtype by TensorFlow's number; integers of four bits have a byte each. Others, like texts, are none.
_DTYPES = {
    1: "F32",
    2: "F64",
    3: "I32",
    4: "U8",
    5: "I16",
    6: "I8",
    8: "C64",
    9: "I64",
    10: "BOOL",
    11: "I8",
    12: "U8",
    13: "I32",
    14: "BF16",
    15: "I16",
    16: "U16",
    17: "U16",
    18: "C128",
    19: "F16",
    22: "U32",
    23: "U64",
    24: "F8_E5M2",
    25: "F8_E4M3",
    29: "I8",
    30: "U8",
}

#: Fields of the header, of an entry, and of a shape.
_SHARDS, _BIG_ENDIAN = 1, 2
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE, _SLICES = 1, 2, 3, 4, 5, 7
_DIMENSION, _DIMENSION_SIZE = 2, 1

#: The first byte of a key of a part of a tensor.
_PART = 0

#: Fields of an index that are read at most, for each tensor and each of its dimensions.
_MAX_FIELDS = 5_000_000


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """A tensor, or a part of one, in a data file.

    Attributes:
        name: Its name.
        spec: Dtype and shape; `None` if its elements aren't numbers.
        shard: Number of the data file.
        offset: Position of its first byte there.
        size: Its bytes.
    """

    name: str
    spec: TensorSpec | None
    shard: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class BundleIndex:
    """The tensors of a bundle.

    Attributes:
        shards: Number of data files.
        big_endian: Whether elements have their most significant byte first.
        entries: The tensors.
    """

    shards: int
    big_endian: bool
    entries: tuple[BundleEntry, ...]


def read_index(data: memoryview) -> BundleIndex:
    """The tensors that an index has.

    Raises:
        FormatError: The index is damaged, or has more than real ones.
    """
    reader = WireReader(data, _MAX_FIELDS)
    shards, big_endian = 0, False
    found: list[BundleEntry] = []
    parts: dict[str, int] = {}
    for key, start, end in table_entries(data):
        if not key:
            numbers = _numbers(reader, start, end)
            shards, big_endian = numbers.get(_SHARDS, 0), bool(numbers.get(_BIG_ENDIAN, 0))
            continue
        entry = _entry(reader, start, end, _name(key, parts))
        if entry:
            found.append(entry)
        if len(found) > MAX_PARAMETERS:
            raise FormatError(f"it has more than {MAX_PARAMETERS:,} tensors")
    return BundleIndex(shards, big_endian, tuple(found))


def _numbers(reader: WireReader, start: int, end: int) -> dict[int, int]:
    """The whole numbers among a message's fields."""
    fields = reader.fields(start, end)
    return {number: reader.number(first, last) for number, wire, first, last in fields if wire == VARINT}


def _entry(reader: WireReader, start: int, end: int, name: str) -> BundleEntry | None:
    """A tensor; `None` for one whose parts have entries of their own."""
    numbers: dict[int, int] = {}
    shape: tuple[int, ...] = ()
    for number, wire, first, last in reader.fields(start, end):
        if number == _SLICES and wire == LENGTH:
            return None
        if number == _SHAPE and wire == LENGTH:
            shape = _shape(reader, first, last)
        elif wire == VARINT:
            numbers[number] = reader.number(first, last)
    size, offset, shard = (numbers.get(field, 0) for field in (_SIZE, _OFFSET, _SHARD))
    if min(size, offset, shard) < 0:
        raise FormatError(f"tensor {name[:80]!r} lies outside its file")
    return BundleEntry(name, _spec(numbers.get(_DTYPE, 0), shape, size), shard, offset, size)


def _shape(reader: WireReader, start: int, end: int) -> tuple[int, ...]:
    found = []
    for number, wire, first, last in reader.fields(start, end):
        if number == _DIMENSION and wire == LENGTH:
            found.append(_numbers(reader, first, last).get(_DIMENSION_SIZE, 0))
            if len(found) > MAX_DIMENSIONS:
                raise FormatError("a tensor has too many dimensions")
    return tuple(found)


def _spec(number: int, shape: tuple[int, ...], size: int) -> TensorSpec | None:
    """Dtype and shape of a tensor; `None` if its bytes aren't as many as elements of numbers have."""
    if number not in _DTYPES:
        return None
    try:
        spec = TensorSpec(_DTYPES[number], shape)
    except ValueError as error:
        raise FormatError(f"a tensor is described wrongly: {error}") from error
    return spec if spec.nbytes == size else None


def _name(key: bytes, parts: dict[str, int]) -> str:
    """The name of a tensor; of a part of one, that of the tensor with a number.

    Args:
        key: The key of its entry.
        parts: The number of parts so far, by the name of their tensor.
    """
    if key[0] != _PART:
        return key.decode("utf-8", "surrogateescape")
    # Zeros and bytes of all ones in a name are followed by another byte.
    text = key[1:].partition(b"\0\1")[0].replace(b"\0\xff", b"\0").replace(b"\xff\0", b"\xff")
    name = text.decode("utf-8", "surrogateescape")
    number = parts[name] = parts.get(name, -1) + 1
    return f"{name}/part_{number}"
