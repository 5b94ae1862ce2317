"""The constants that the XML of an OpenVINO model describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.parsers import expat

from git_theta.errors import FormatError
from git_theta.model.manifest_text import MAX_PARAMETERS
from git_theta.model.name_escapes import MAX_NAME
from git_theta.model.tensor import TensorSpec

#: Dtype by OpenVINO's name; constants of others are bytes.
_DTYPES = {
    "f64": "F64",
    "f32": "F32",
    "f16": "F16",
    "bf16": "BF16",
    "f8e4m3": "F8_E4M3",
    "f8e5m2": "F8_E5M2",
    "f8e8m0": "F8_E8M0",
    "f4e2m1": "F4",
    "i64": "I64",
    "i32": "I32",
    "i16": "I16",
    "i8": "I8",
    "i4": "I4",
    "u64": "U64",
    "u32": "U32",
    "u16": "U16",
    "u8": "U8",
    "u4": "U4",
    "u2": "U2",
    "boolean": "BOOL",
}

#: Bytes of the XML, which has some hundred for each layer; and of all names.
_MAX_XML = 1 << 27
_MAX_NAMES = 1 << 26

#: Elements within each other.
_MAX_DEPTH = 256


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant.

    Attributes:
        name: Name of its layer, which needn't be the only one of this name.
        spec: Dtype and shape.
        offset: Position of its first byte in the data file.
    """

    name: str
    spec: TensorSpec
    offset: int


def read_constants(xml: bytes) -> list[Constant]:
    """The constants that a model has in its data file, in the model's order.

    Raises:
        FormatError: The text isn't XML of a model, defines entities, or has more than real ones.
    """
    if len(xml) > _MAX_XML:
        raise FormatError("the XML beside it is too long")
    reader = _Reader()
    try:
        reader.parser.Parse(xml, True)
    except expat.ExpatError as error:
        raise FormatError(f"the XML beside it is damaged: {error}") from error
    return reader.found


class _Reader:
    """Handles the elements of a model: `net`, and each `layer` with its `data`."""

    def __init__(self) -> None:
        self.found: list[Constant] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse
        # For each open element the name of its layer if that's a constant. Layers may have graphs.
        self._open: list[str] = []
        self._left = _MAX_NAMES

    def _refuse(self, *_: object) -> None:
        # Entities within each other can stand for a text of any length.
        raise FormatError("the XML beside it has a document type")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if not self._open and tag != "net":
            raise FormatError("the XML beside it isn't a model's")
        if len(self._open) == _MAX_DEPTH:
            raise FormatError("the XML beside it is nested too deeply")
        name = ""
        if tag == "layer" and attributes.get("type") == "Const":
            name = attributes.get("name", "")
        elif tag == "data" and self._open and self._open[-1] and "offset" in attributes:
            self._add(self._open[-1], attributes)
        self._open.append(name)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _add(self, name: str, attributes: Mapping[str, str]) -> None:
        self._left -= len(name)
        if len(self.found) == MAX_PARAMETERS or len(name) > MAX_NAME or self._left < 0:
            raise FormatError("the XML beside it has more constants, or longer names, than real ones")
        offset, size = _number(attributes["offset"]), _number(attributes.get("size", ""))
        shape = [_number(part) for part in attributes.get("shape", "").split(",") if part.strip()]
        self.found.append(Constant(name, _spec(attributes, tuple(shape), size), offset))


def _number(text: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise FormatError(f"the XML beside it has {text[:40]!r} where a number belongs")
    return int(text)


def _spec(attributes: Mapping[str, str], shape: tuple[int, ...], size: int) -> TensorSpec:
    """Dtype and shape; of a constant whose bytes aren't as many, those of bytes."""
    try:
        spec = TensorSpec(_DTYPES[attributes.get("element_type", "")], shape)
    except (KeyError, ValueError):
        spec = None
    try:
        return spec if spec and spec.nbytes == size else TensorSpec("U8", (size,))
    except ValueError as error:
        raise FormatError(f"a constant is described wrongly: {error}") from error
