"""NumPy's dtypes as they are pickled: a call of `numpy.dtype` with a code, and a state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from git_theta.formats.numpy.header import DTYPES
from git_theta.formats.pickle.nodes import Global, Object
from git_theta.model.tensor import ITEM_SIZE

#: The code of a dtype → dtype. Dates and spans of time are numbers of 64 bits; `V2` is a record here.
_CODES = {code: name for code, name in DTYPES.items() if code != "V2"} | {"M8": "I64", "m8": "I64"}

#: The name of a dtype of ml_dtypes → dtype.
_ML_DTYPES = {
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}

#: First letters of the codes of records, byte strings, texts, and long floats.
_BYTES = frozenset("VSUfc")

#: Bytes of one element.
_MAX_ITEM = 1 << 30

#: The flag of dtypes whose elements are references to Python's objects.
_OBJECTS = 1


@dataclass(frozen=True, slots=True)
class PickledDtype:
    """The dtype of a pickled array.

    Attributes:
        name: Dtype of the elements; `U8` for elements that are some bytes, such as records and texts.
        size: Bytes of such an element; `None` for numbers.
        big_endian: Whether numbers have their most significant byte first.
    """

    name: str
    size: int | None
    big_endian: bool

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an array in elements of `name`: bytes are its last dimension."""
        return shape if self.size is None else (*shape, self.size)


def read_dtype(node: Any) -> PickledDtype | None:
    """The dtype that a node stands for; `None` if it has Python's objects, or isn't known."""
    match node:
        case Object(
            Global(module="numpy", name="dtype"),
            (code, *_),
            state=(int(), str(order), None, _, _, int(size), _, int(flags), *_),
        ) if not flags & _OBJECTS:
            return _dtype(code, order, size)
    return None


def has_objects(node: Any) -> bool:
    """Whether a node stands for a dtype of Python's objects, or of records that have some."""
    match node:
        case Object(Global(module="numpy", name="dtype"), state=(_, _, _, _, _, _, _, int(flags), *_)):
            return bool(flags & _OBJECTS)
    return False


def _dtype(code: Any, order: str, size: int) -> PickledDtype | None:
    if isinstance(code, Global):
        name = _ML_DTYPES.get(code.name) if code.module == "ml_dtypes" else None
        return None if name is None or order == ">" else PickledDtype(name, None, False)
    if not isinstance(code, str):
        return None
    if code in _CODES:
        name = _CODES[code]
        wide = ITEM_SIZE[name] > 1
        return PickledDtype(name, None, wide and order == ">") if not wide or order in ("<", ">") else None
    kind, digits = code[:1], code[1:]
    if kind not in _BYTES or not digits.isdecimal() or len(digits) > len(str(_MAX_ITEM)):
        return None
    # The code of a text counts its characters; that of a float, like 80-bit ones, its bytes.
    nbytes = int(digits) if kind in "fc" else size
    return PickledDtype("U8", nbytes, False) if 0 <= nbytes <= _MAX_ITEM else None
