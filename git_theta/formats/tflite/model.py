"""The tables of a TensorFlow Lite model, and the tensors whose elements are in the file."""

from __future__ import annotations

from collections.abc import Iterator

from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.flatbuffers import FlatTable
from git_theta.formats.unique_names import unique_name
from git_theta.model.tensor import BLOCKS, MAX_DIMENSIONS, TensorSpec

#: Fields of a model, of a graph, of a tensor and of a buffer.
VERSION, OPERATOR_CODES, GRAPHS, DESCRIPTION, BUFFERS, METADATA = 0, 1, 2, 3, 4, 6
TENSORS, INPUTS, OUTPUTS, OPERATORS, GRAPH_NAME = 0, 1, 2, 3, 4
_SHAPE, _TYPE, _BUFFER, TENSOR_NAME, QUANTIZATION, _VARIABLE, _SPARSITY = 0, 1, 2, 3, 4, 5, 6
_DATA, _OFFSET, _SIZE = 0, 1, 2

#: Dtype by number. Others are texts and resources.
DTYPES = {
    0: "F32",
    1: "F16",
    2: "I32",
    3: "U8",
    4: "I64",
    6: "BOOL",
    7: "I16",
    8: "C64",
    9: "I8",
    10: "F64",
    11: "C128",
    12: "U64",
    15: "U32",
    16: "U16",
    17: "I4",
    18: "BF16",
    19: "I2",
    20: "U4",
    21: "F8_E4M3",
    22: "F8_E5M2",
}

#: Tensors, graphs and buffers of a file, and characters of the names of tensors.
_MAX_TABLES = 100_000
_MAX_NAMES = 1 << 26

#: Smaller offsets of a buffer are there to be written later.
_FIRST_OFFSET = 2


def named_tensors(model: FlatTable) -> Iterator[tuple[str, FlatTable]]:
    """The tensors of all graphs, under unique names; names in other graphs than the first begin with theirs.

    Raises:
        FormatError: The model is damaged, or has more tensors than any real one.
    """
    counts: dict[str, int] = {}
    characters = tables = 0
    for index, graph in enumerate(_bounded(model, GRAPHS)):
        prefix = f"{graph.text(GRAPH_NAME) or index}/" if index else ""
        for tensor in graph.tables(TENSORS):
            name = f"{prefix}{tensor.text(TENSOR_NAME) or 'tensor'}"
            tables, characters = tables + 1, characters + len(name)
            if tables > _MAX_TABLES or characters > _MAX_NAMES:
                raise FormatError("it has more tensors, or longer names, than any real model")
            yield unique_name(name, counts), tensor


def stored_tensors(model: FlatTable) -> list[Tensor]:
    """The tensors whose elements are in the file, in its order; of those that share them, the first one.

    Raises:
        FormatError: The model is damaged, or tensors overlap.
    """
    buffers = [_buffer_place(buffer) for buffer in _bounded(model, BUFFERS)]
    found: dict[int, Tensor] = {}
    for name, table in named_tensors(model):
        number = table.number(_BUFFER, "I")
        if number >= len(buffers):
            raise FormatError(f"the tensor {name[:80]!r} is in a buffer that isn't there")
        start, size = buffers[number]
        if size and start not in found and table.table(_SPARSITY) is None:
            spec = _spec(name, table)
            if spec and spec.nbytes == size:
                found[start] = Tensor(name, spec, start)
    end = 0
    for start in sorted(found):
        if start < end:
            raise FormatError(f"the tensor {found[start].name[:80]!r} overlaps another one")
        end = start + found[start].spec.nbytes
    return [found[start] for start in sorted(found)]


def _bounded(table: FlatTable, field: int) -> Iterator[FlatTable]:
    _, count = table.vector(field, 4)
    if count > _MAX_TABLES:
        raise FormatError(f"it has more than {_MAX_TABLES:,} graphs or buffers")
    return table.tables(field)


def _buffer_place(buffer: FlatTable) -> tuple[int, int]:
    """Position and bytes of a buffer's content: a vector, or a part of the file after all tables.

    Raises:
        FormatError: It's outside the file.
    """
    offset, size = buffer.number(_OFFSET, "Q"), buffer.number(_SIZE, "Q")
    if offset >= _FIRST_OFFSET and size:
        if offset + size > len(buffer.data):
            raise FormatError("a buffer is outside the file")
        return offset, size
    return buffer.vector(_DATA, 1)


def _spec(name: str, table: FlatTable) -> TensorSpec | None:
    """Dtype and shape of a tensor; `None` if its elements aren't numbers, or aren't whole bytes together.

    Raises:
        FormatError: The tensor is described wrongly.
    """
    dtype = DTYPES.get(table.number(_TYPE, "b"))
    if dtype is None:
        return None
    shape = table.numbers(_SHAPE, "i", MAX_DIMENSIONS + 1)
    try:
        if TensorSpec("U8", shape).count % BLOCKS.get(dtype, (1, 1))[0]:
            return None
        return TensorSpec(dtype, shape)
    except ValueError as error:
        raise FormatError(f"the tensor {name[:80]!r} is described wrongly: {error}") from error
