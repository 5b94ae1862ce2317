"""The header of an array in NumPy's format: a Python dict of dtype, order and shape, written as text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from git_theta.errors import FormatError
from git_theta.formats.strides import fortran_strides
from git_theta.model.tensor import TensorSpec

MAGIC = b"\x93NUMPY"

#: The name of a file's only array, which has none in the file.
ARRAY = "array"

#: Characters of a header: the limit that NumPy sets for files that it doesn't trust.
MAX_HEADER = 10_000

#: NumPy's letter and size of a dtype → dtype. NumPy writes bfloat16 of ml_dtypes as two bytes without a type.
DTYPES = {
    "b1": "BOOL",
    "u1": "U8",
    "i1": "I8",
    "u2": "U16",
    "i2": "I16",
    "f2": "F16",
    "V2": "BF16",
    "u4": "U32",
    "i4": "I32",
    "f4": "F32",
    "u8": "U64",
    "i8": "I64",
    "f8": "F64",
    "c8": "C64",
    "c16": "C128",
}

#: Bytes of a header's length by major version of the format.
_LENGTHS = {1: 2, 2: 4, 3: 4}

_ITEM = re.compile(
    rb"""\s*(['"])(descr|fortran_order|shape)\1\s*:\s*"""
    rb"""(?:(['"])([^'"\\]*)\3|(True|False)|\(([\d\s,L]*)\))\s*(?:,|(?=\}))"""
)
_END = re.compile(rb"\s*\}\s*")
_SIZE = re.compile(rb"(\d{1,18})L?")
_DESCR = re.compile(r"([<>|])([a-zA-Z]\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """A header that has been read.

    Attributes:
        spec: Dtype and shape of the array.
        fortran: Whether the first index varies fastest.
        big_endian: Whether elements have their most significant byte first.
        size: Bytes of the header; the elements follow it.
    """

    spec: TensorSpec
    fortran: bool
    big_endian: bool
    size: int

    @property
    def strides(self) -> tuple[int, ...] | None:
        """Byte strides; `None` for a C-contiguous array."""
        return fortran_strides(self.spec) if self.fortran else None


def read_npy_header(data: memoryview) -> NpyHeader:
    """The header at the start of an array's bytes.

    Args:
        data: The array's bytes; others may follow them.

    Raises:
        FormatError: The header is damaged, its dtype isn't one of tensors, or elements are missing.
    """
    if bytes(data[:6]) != MAGIC or len(data) < 8 or data[6] not in _LENGTHS or data[7] != 0:
        raise FormatError("no array of a known version of NumPy's format begins here")
    begin = 8 + _LENGTHS[data[6]]
    size = begin + int.from_bytes(data[8:begin], "little")
    if size > len(data) or size - begin > MAX_HEADER:
        raise FormatError(f"a header of {size - begin} bytes is longer than the array, or than NumPy reads")
    items = _items(bytes(data[begin:size]))
    descr, order, shape = items["descr"][3], items["fortran_order"][4], items["shape"][5]
    if descr is None or order is None or shape is None:
        raise FormatError("the header's dtype, order or shape is of another kind")
    big_endian, dtype = _dtype(descr.decode("latin-1"))
    try:
        spec = TensorSpec(dtype, _shape(shape))
    except ValueError as error:
        raise FormatError(f"the header is wrong: {error}") from error
    if size + spec.nbytes > len(data):
        raise FormatError(f"the array has {len(data) - size} bytes of elements instead of {spec.nbytes}")
    return NpyHeader(spec, order == b"True", big_endian, size)


def write_npy_header(spec: TensorSpec, fortran: bool, big_endian: bool) -> bytes:
    """The header that NumPy writes for an array.

    Args:
        spec: Dtype and shape of the array.
        fortran: Whether the first index varies fastest.
        big_endian: Whether elements have their most significant byte first.

    Raises:
        FormatError: NumPy has no such dtype.
    """
    code = next((code for code, dtype in DTYPES.items() if dtype == spec.dtype), None)
    if code is None:
        raise FormatError(f"NumPy's format has no dtype {spec.dtype}")
    wide = spec.word_size > 1
    descr = ("|" if not wide else ">" if big_endian else "<") + code
    text = f"{{'descr': {descr!r}, 'fortran_order': {fortran}, 'shape': {spec.shape!r}, }}"
    if spec.shape:
        # Room for a growing dimension, as NumPy leaves it.
        text += " " * (21 - len(repr(spec.shape[-1 if fortran else 0])))
    text += " " * (64 - (len(text) + 11) % 64) + "\n"
    return MAGIC + b"\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def _items(text: bytes) -> dict[str, tuple[bytes | None, ...]]:
    """The matched groups of the three items of a header.

    Raises:
        FormatError: The header isn't a dict of these items.
    """
    found: dict[str, tuple[bytes | None, ...]] = {}
    position = 1
    while text[:1] == b"{" and (match := _ITEM.match(text, position)):
        found[match[2].decode()] = match.groups()
        position = match.end()
        if len(found) > 3:
            break
    if len(found) != 3 or not _END.fullmatch(text, position):
        raise FormatError("the header isn't one of a plain array")
    return found


def _dtype(descr: str) -> tuple[bool, str]:
    """Whether a dtype is big-endian, and its name.

    Raises:
        FormatError: The dtype isn't one of tensors, as those of texts, dates and Python objects.
    """
    match = _DESCR.fullmatch(descr)
    if not match or match[2] not in DTYPES:
        raise FormatError(f"arrays of dtype {descr[:40]!r} aren't split")
    dtype = DTYPES[match[2]]
    wide = TensorSpec(dtype, ()).word_size > 1
    if wide and match[1] == "|" and match[2] != "V2":
        raise FormatError(f"the dtype {descr[:40]!r} has no order of bytes")
    return wide and match[1] == ">", dtype


def _shape(text: bytes) -> tuple[int, ...]:
    """The sizes in the text between a tuple's parentheses.

    Raises:
        FormatError: The text isn't that of a tuple of sizes.
    """
    parts = [part.strip() for part in text.split(b",")]
    if len(parts) > 1 and not parts[-1]:
        parts.pop()
    elif len(parts) == 1 and not parts[0]:
        return ()
    elif len(parts) == 1:
        raise FormatError("the header's shape isn't a tuple")
    sizes = [_SIZE.fullmatch(part) for part in parts]
    if not all(sizes):
        raise FormatError("the header's shape has something else than sizes")
    return tuple(int(match[1]) for match in sizes if match)
