"""The description of a tensor in an ONNX file, and the place of its elements."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice

from git_theta.errors import FormatError
from git_theta.formats.onnx.dtypes import DTYPES
from git_theta.formats.onnx.messages import TENSOR
from git_theta.formats.protobuf import LENGTH, VARINT, Field, WireReader
from git_theta.model.tensor import BLOCKS, MAX_DIMENSIONS, TensorSpec

#: Fields of `TensorProto`.
_DIMS, _TYPE, _SEGMENT, _EXTERNAL_DATA, _LOCATION = 1, 2, 3, 13, 14
(_NAME,) = TENSOR.names
_RAW = 9

#: Fields of elements that each have a fixed number of bytes, and the dtypes in them; all fields of elements.
_FIXED = {4: ("F32", "C64"), 10: ("F64", "C128")}
_ELEMENTS = frozenset((*_FIXED, 5, 6, 7, _RAW, 11))


@dataclass(slots=True)
class TensorMessage:
    """A tensor's description.

    Attributes:
        name: Its name; may be empty.
        number: The number of its type.
        dims: Sizes of its dimensions.
        elements: The fields with elements, two at most.
        external: Places of the entries that say where the elements are in another file.
        elsewhere: Whether the elements are in another file, or in several messages.
    """

    name: str = ""
    number: int = 0
    dims: tuple[int, ...] = ()
    elements: list[Field] = field(default_factory=list)
    external: list[tuple[int, int]] = field(default_factory=list)
    elsewhere: bool = False


def read_tensor(reader: WireReader, start: int, end: int) -> TensorMessage:
    """The description of a tensor at a place of the file.

    Raises:
        FormatError: The message is damaged.
    """
    found = TensorMessage()
    for number, wire, at, stop in reader.fields(start, end):
        if number == _DIMS:
            sizes = islice(reader.numbers(wire, at, stop), MAX_DIMENSIONS + 1)
            found.dims = (*found.dims, *sizes)[: MAX_DIMENSIONS + 1]
        elif number == _TYPE and wire == VARINT:
            found.number = reader.number(at, stop)
        elif number == _NAME and wire == LENGTH:
            found.name = reader.text(at, stop)
        elif number == _SEGMENT or (number == _LOCATION and wire == VARINT and reader.number(at, stop)):
            found.elsewhere = True
        elif number == _EXTERNAL_DATA and wire == LENGTH:
            found.external.append((at, stop))
        elif number in _ELEMENTS and len(found.elements) < 2:
            found.elements.append((number, wire, at, stop))
    return found


def spec_of(message: TensorMessage) -> TensorSpec | None:
    """Dtype and shape of a tensor; `None` for texts, and for packed elements that aren't whole bytes.

    Raises:
        FormatError: The tensor is described wrongly.
    """
    dtype = DTYPES.get(message.number)
    if dtype is None:
        return None
    try:
        # Bytes have any number of elements.
        count = TensorSpec("U8", message.dims).count
        return None if count % BLOCKS.get(dtype, (1, 1))[0] else TensorSpec(dtype, message.dims)
    except ValueError as error:
        raise FormatError(f"tensor {message.name[:80]!r} is described wrongly: {error}") from error


def place_of(message: TensorMessage, end: int) -> tuple[TensorSpec, int] | None:
    """Dtype and shape of a tensor, and the position of its elements.

    Args:
        message: The tensor's description.
        end: Position after the description, which is that of a tensor without elements.

    Returns:
        `None` for a tensor whose elements aren't in one piece, or don't have a fixed number of bits in whole
        bytes: texts, integers in fields of variable length, data in other files, five elements of 4 bits.

    Raises:
        FormatError: The tensor is described wrongly.
    """
    if message.elsewhere or len(message.elements) > 1:
        return None
    spec = spec_of(message)
    if spec is None:
        return None
    if not message.elements:
        return None if spec.nbytes else (spec, end)
    number, wire, start, stop = message.elements[0]
    fits = wire == LENGTH and (number == _RAW or spec.dtype in _FIXED.get(number, ()))
    return (spec, start) if fits and stop - start == spec.nbytes else None
