"""ONNX: finds the tensors, lists what else a model has, and merges models."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor
from git_theta.formats.protobuf import LENGTH, VARINT, WireReader, read_varint, tag

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from git_theta.formats.base import FileDraft, FileVersion, Prefer
    from git_theta.model.tensor import TensorSpec

#: Wire types of a model's fields, up to the graph: the version of the format, texts about the model, a
#: version of it, the sets of operators that it needs.
_FIELDS = {1: VARINT, 2: LENGTH, 3: LENGTH, 4: LENGTH, 5: VARINT, 6: LENGTH, 8: LENGTH, 14: LENGTH}
_GRAPH = 7

#: What a graph begins with: a node, its name, a tensor, or a text, of fields 1, 2, 5, 10 to 16.
_GRAPH_TAGS = frozenset((number << 3 | LENGTH) for number in (1, 2, 5, 10, 11, 12, 13, 14, 15))

#: Fields that may be before the graph.
_MAX_FIELDS = 10_000

#: The versions of the format end far below: 14 is the newest.
_VERSIONS_END = 64


class Onnx:
    """The format of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""

    name = "onnx"

    def matches(self, data: memoryview) -> bool:
        """A small version first, then the known fields of a model, then a graph: there are no magic bytes."""
        if len(data) < 5 or data[0] != 1 << 3 | VARINT or not 0 < data[1] < _VERSIONS_END:
            return False
        position = 0
        # The graph of a file that was cut off is longer than the file.
        with suppress(FormatError):
            for number, wire, _, end in WireReader(data, _MAX_FIELDS).fields(0, len(data)):
                if number == _GRAPH:
                    break
                if _FIELDS.get(number) != wire:
                    return False
                position = end
        return _begins_graph(data, position)

    def locate(self, data: memoryview) -> Located:
        """Find the tensors whose elements each have a fixed number of bytes, in one piece of the file."""
        from git_theta.formats.onnx.tensors import place_of
        from git_theta.formats.onnx.walk import model_reader, tensors_of

        reader = model_reader(data)
        found = []
        for name, message, _, end in tensors_of(reader, 0, len(data)):
            place = place_of(message, end)
            if place:
                found.append(Tensor(name, *place))
        return Located(tuple(found))

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """Versions, metadata, inputs and outputs, and each node as a call; tensors that have no place."""
        from git_theta.formats.onnx.metadata import model_texts

        return model_texts(data)

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Merge the model by its parts: nodes by their outputs, tensors, inputs and metadata by name."""
        from git_theta.formats.onnx.compose import compose_onnx

        return compose_onnx(base, sides, wanted, prefer)


def _begins_graph(data: memoryview, position: int) -> bool:
    """Whether a field with a graph is at a position, which may be the end of the file."""
    if data[position : position + 1] != tag(_GRAPH, LENGTH):
        return False
    try:
        _, start = read_varint(data, position + 1, len(data))
    except FormatError:
        return False
    return start == len(data) or data[start] in _GRAPH_TAGS
