"""The datatypes of an HDF5 file: those that are a tensor's, and those of texts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from git_theta.errors import FormatError
from git_theta.formats.hdf5.metadata import Fields, Metadata, bytes_for

#: Classes of datatypes.
_WHOLE, _FLOAT, _TEXT, _OPAQUE, _COMPOUND, _ENUM, _ANY_LENGTH, _ARRAY, _COMPLEX = 0, 1, 3, 5, 6, 8, 9, 10, 11

#: Datatypes within datatypes, at most.
_MAX_NESTED = 8

#: The kind of a dataspace without elements.
_NO_ELEMENTS = 2

_MAX_MEMBERS = 1 << 10
_MAX_DIMENSIONS = 32

#: Dtypes of floats by bytes, place and size of exponent and mantissa, and bias of the exponent.
_FLOATS: dict[tuple[int, ...], str] = {
    (8, 52, 11, 0, 52, 1023): "F64",
    (4, 23, 8, 0, 23, 127): "F32",
    (2, 10, 5, 0, 10, 15): "F16",
    (2, 7, 8, 0, 7, 127): "BF16",
    (1, 3, 4, 0, 3, 7): "F8_E4M3",
    (1, 2, 5, 0, 2, 15): "F8_E5M2",
}

_COMPLEX_OF = {"F16": "C32", "F32": "C64", "F64": "C128"}

_TRUTH = {b"FALSE": 0, b"TRUE": 1}


@dataclass(frozen=True, slots=True)
class Datatype:
    """A datatype.

    Attributes:
        nbytes: Bytes of an element.
        dtype: The tensors' dtype; empty if it's none.
        big_endian: Whether elements have their most significant byte first.
        shape: Dimensions of an element, which is an array.
        text: Whether elements are texts.
        reference: Whether elements are in a global heap.
        has_references: Whether parts of elements are, or all of each.
        opaque: Whether elements are bytes without a meaning in HDF5.
    """

    nbytes: int
    dtype: str = ""
    big_endian: bool = False
    shape: tuple[int, ...] = ()
    text: bool = False
    reference: bool = False
    has_references: bool = False
    opaque: bool = False


def read_datatype(fields: Fields, nested: int = 0) -> Datatype:
    """The datatype that a message describes.

    Raises:
        FormatError: The message is damaged, or nested too deeply.
    """
    mark, bits, nbytes = fields.number(1), fields.number(3), fields.number(4)
    kind, version = mark & 15, mark >> 4
    if nested > _MAX_NESTED:
        raise FormatError("a datatype is nested too deeply")
    if kind == _WHOLE:
        return _whole(fields, bits, nbytes)
    if kind == _FLOAT:
        return _float(fields, bits, nbytes)
    if kind == _TEXT:
        return Datatype(nbytes, text=True)
    if kind == _OPAQUE:
        fields.take(bits & 0xFF)
        return Datatype(nbytes, opaque=True)
    if kind == _ANY_LENGTH:
        return Datatype(nbytes, text=bits & 15 == 1, reference=True, has_references=True)
    if kind == _COMPOUND:
        return _compound(fields, bits & 0xFFFF, nbytes, version, nested)
    if kind == _ENUM:
        return _enum(fields, bits & 0xFFFF, nbytes, version, nested)
    if kind == _ARRAY:
        return _array(fields, nbytes, version, nested)
    if kind == _COMPLEX:
        part = read_datatype(fields, nested + 1)
        fits = part.nbytes * 2 == nbytes and not part.shape
        return Datatype(nbytes, _COMPLEX_OF.get(part.dtype, "") if fits else "", part.big_endian)
    return Datatype(nbytes)


def _whole(fields: Fields, bits: int, nbytes: int) -> Datatype:
    offset, precision = fields.number(2), fields.number(2)
    name = f"{'I' if bits & 8 else 'U'}{8 * nbytes}"
    known = nbytes in (1, 2, 4, 8) and not offset and precision == 8 * nbytes
    return Datatype(nbytes, name if known else "", bool(bits & 1) and nbytes > 1)


def _float(fields: Fields, bits: int, nbytes: int) -> Datatype:
    offset, precision = fields.number(2), fields.number(2)
    places = [fields.number(1) for _ in range(4)]
    bias = fields.number(4)
    # The sign is the top bit; the mantissa has a hidden bit. A VAX has another order of bytes.
    plain = not offset and precision == 8 * nbytes == (bits >> 8 & 0xFF) + 1 and not bits & 0x40
    dtype = _FLOATS.get((nbytes, *places, bias), "") if plain else ""
    return Datatype(nbytes, dtype, bool(bits & 1) and nbytes > 1)


def _compound(fields: Fields, count: int, nbytes: int, version: int, nested: int) -> Datatype:
    """A struct: a complex number, if it's of two floats `r` and `i`."""
    if count > _MAX_MEMBERS:
        raise FormatError("a datatype has more members than any real one")
    found = []
    for _ in range(count):
        name = _name(fields, version)
        offset = fields.number(4 if version < 3 else bytes_for(nbytes))
        dimensions = 0
        if version == 1:
            dimensions = fields.number(1)
            fields.take(27)
        found.append((name, offset, dimensions, read_datatype(fields, nested + 1)))
    if [each[0] for each in found] == [b"r", b"i"]:
        (_, first, some, real), (_, second, others, imaginary) = found
        together = (first, second) == (0, real.nbytes) and not some and not others
        if together and real == imaginary and nbytes == 2 * real.nbytes and not real.shape:
            return Datatype(nbytes, _COMPLEX_OF.get(real.dtype, ""), real.big_endian)
    return Datatype(nbytes, has_references=any(each[3].has_references for each in found))


def _enum(fields: Fields, count: int, nbytes: int, version: int, nested: int) -> Datatype:
    """Named numbers: Booleans, if they're named so, else their numbers."""
    base = read_datatype(fields, nested + 1)
    if count > _MAX_MEMBERS:
        raise FormatError("a datatype has more members than any real one")
    names = [_name(fields, version) for _ in range(count)]
    values = [fields.number(base.nbytes) for _ in range(count)] if base.nbytes <= 8 else []
    if nbytes == 1 and dict(zip(names, values, strict=False)) == _TRUTH:
        return Datatype(nbytes, "BOOL")
    return base if base.nbytes == nbytes else Datatype(nbytes)


def _array(fields: Fields, nbytes: int, version: int, nested: int) -> Datatype:
    rank = fields.number(1)
    if rank > _MAX_DIMENSIONS:
        raise FormatError("a datatype has more dimensions than any real one")
    fields.take(3 if version < 3 else 0)
    shape = tuple(fields.number(4) for _ in range(rank))
    fields.take(4 * rank if version < 3 else 0)
    base = read_datatype(fields, nested + 1)
    if math.prod(shape) * base.nbytes != nbytes:
        return Datatype(nbytes)
    inner = (*shape, *base.shape)
    return Datatype(nbytes, base.dtype, base.big_endian, inner, has_references=base.has_references)


def _name(fields: Fields, version: int) -> bytes:
    """A name that a zero ends; before version 3, more zeros make its length a multiple of 8."""
    letters = bytearray()
    while True:
        letter = fields.number(1)
        if not letter:
            break
        letters.append(letter)
    if version < 3:
        fields.take(-(len(letters) + 1) % 8)
    return bytes(letters)


class Dataspace(NamedTuple):
    """The shape of a dataset or an attribute.

    Attributes:
        shape: Its dimensions.
        most: The largest that they can become; `None` for one without a limit.
    """

    shape: tuple[int, ...]
    most: tuple[int | None, ...]


def read_dataspace(file: Metadata, body: memoryview) -> Dataspace | None:
    """The shape that a message describes; `None` for that of no element at all.

    Raises:
        FormatError: The message is damaged.
    """
    fields = file.fields(body)
    version, rank, flags = fields.number(1), fields.number(1), fields.number(1)
    if version not in (1, 2) or rank > _MAX_DIMENSIONS:
        raise FormatError("a dataspace is of an unknown version, or has more dimensions than any real one")
    kind = fields.number(1)
    if version == 1:
        fields.take(4)
    elif kind == _NO_ELEMENTS:
        return None
    shape = tuple(fields.length() for _ in range(rank))
    limits = tuple(fields.length() for _ in range(rank)) if flags & 1 else shape
    unlimited = (1 << 8 * file.length_size) - 1
    return Dataspace(shape, tuple(None if limit == unlimited else limit for limit in limits))
