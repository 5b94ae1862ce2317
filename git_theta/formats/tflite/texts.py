"""Texts of everything in a TensorFlow Lite model but the elements of tensors."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from git_theta.errors import FormatError
from git_theta.formats.flatbuffers import FlatTable
from git_theta.formats.tflite.model import (
    DESCRIPTION,
    GRAPH_NAME,
    GRAPHS,
    INPUTS,
    METADATA,
    OPERATOR_CODES,
    OPERATORS,
    OUTPUTS,
    QUANTIZATION,
    TENSORS,
    VERSION,
    named_tensors,
)

#: Fields of the quantisation of a tensor, and the format of an item.
_QUANTIZATION = {"scale": (2, "f"), "zero_point": (3, "q")}
_DIMENSION = 6

#: The field with the name of a piece of metadata.
_NAME = 0

#: Graphs and pieces of metadata that are listed, and items of vectors.
_MAX_LISTED = 10_000
_LONGEST = 16


def model_texts(model: FlatTable) -> Iterator[tuple[str, str]]:
    """A name and a text for each: version, description, operators, graphs, metadata, scales of tensors.

    Raises:
        FormatError: The model is damaged.
    """
    yield "version", str(model.number(VERSION, "I"))
    yield "description", repr(model.text(DESCRIPTION))
    yield "operator_codes", str(model.vector(OPERATOR_CODES, 4)[1])
    for index, graph in enumerate(model.tables(GRAPHS)):
        counts = {"tensors": TENSORS, "inputs": INPUTS, "outputs": OUTPUTS, "operators": OPERATORS}
        words = [f"{graph.vector(field, 4)[1]} {word}" for word, field in counts.items()]
        yield f"subgraphs/{index}", ", ".join([repr(graph.text(GRAPH_NAME)), *words])
        if index == _MAX_LISTED:
            break
    for index, piece in enumerate(model.tables(METADATA)):
        yield f"metadata/{index}", repr(piece.text(_NAME))
        if index == _MAX_LISTED:
            break
    summed: dict[tuple[int, int], str] = {}
    for name, tensor in named_tensors(model):
        quantization = tensor.table(QUANTIZATION)
        if quantization:
            for word, (field, form) in _QUANTIZATION.items():
                text = _listed(quantization, field, form, summed)
                if text:
                    yield f"quantization/{name}/{word}", text
            if quantization.number(_DIMENSION, "i"):
                yield f"quantization/{name}/dimension", str(quantization.number(_DIMENSION, "i"))


def _listed(table: FlatTable, field: int, form: str, summed: dict[tuple[int, int], str]) -> str:
    """The items of a vector; if they're many, their number and a checksum.

    Args:
        table: The table that has the vector.
        field: Number of its field.
        form: Format of an item.
        summed: Place of a vector → its text, of those before; the new one is added.

    Raises:
        FormatError: The vectors are larger than the file, together.
    """
    size = 4 if form == "f" else 8
    start, count = table.vector(field, size)
    if count <= _LONGEST:
        numbers = table.numbers(field, form, count)
        return ", ".join(f"{number:g}" if form == "f" else str(number) for number in numbers)
    place = start, start + size * count
    if place not in summed:
        if sum(end - begin for begin, end in summed) > len(table.data):
            raise FormatError("the vectors of its quantisation overlap")
        summed[place] = f"{count:,} numbers, CRC {zlib.crc32(table.data[slice(*place)]):08x}"
    return summed[place]
