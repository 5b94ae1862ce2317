"""Data files of ONNX models: the elements of tensors, whose places are in a model beside the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor
from git_theta.formats.onnx.plugin import Onnx
from git_theta.formats.onnx.tensors import TensorMessage, spec_of
from git_theta.formats.onnx.walk import model_reader, tensors_of
from git_theta.formats.protobuf import LENGTH, WireReader

if TYPE_CHECKING:
    from git_theta.formats.neighbours import Neighbours

_SUFFIX = ".onnx"

#: Models beside a file that are asked for it.
_MAX_MODELS = 8


class OnnxData:
    """Files that models of ONNX name as the place of tensors, such as `model.onnx.data`, `model.onnx_data`.

    The bytes of such a file say nothing about it.
    """

    name = "onnx-data"

    def matches(self, data: memoryview) -> bool:
        """No: nothing in the file tells."""
        return False

    def locate(self, data: memoryview) -> Located:
        """Nothing can be found without a model."""
        raise FormatError("a data file of ONNX's is described by a model beside it")

    def matches_beside(self, data: memoryview, neighbours: Neighbours) -> bool:
        """Whether there's a model beside the file."""
        return bool(_models(neighbours))

    def locate_beside(self, data: memoryview, neighbours: Neighbours) -> Located:
        """The tensors that the first model says are in this file; of those in one place, the first one."""
        for name in _models(neighbours)[:_MAX_MODELS]:
            content = neighbours.read(name)
            if content and Onnx().matches(memoryview(content)):
                found = tuple(_tensors(memoryview(content), neighbours.name, len(data)))
                if found:
                    return Located(found)
        raise FormatError("no model beside the file names it")


def _models(neighbours: Neighbours) -> list[str]:
    """Names of models in the folder, those first that the file's name begins like."""
    models = [name for name in neighbours.names() if name.endswith(_SUFFIX) and name != neighbours.name]
    return sorted(models, key=lambda name: not neighbours.name.startswith(name.removesuffix(_SUFFIX)))


def _tensors(model: memoryview, file: str, size: int) -> Iterator[Tensor]:
    """The tensors of a model whose elements are in a file, in its order.

    Raises:
        FormatError: The model is damaged, or describes another file: tensors overlap, or are outside of it.
    """
    reader = model_reader(model)
    found: dict[int, Tensor] = {}
    for name, message, _, _ in tensors_of(reader, 0, len(model)):
        spec = spec_of(message) if message.external else None
        place = _place(reader, message, file, size)
        if spec and place and spec.nbytes == place[1]:
            found.setdefault(place[0], Tensor(name, spec, place[0]))
    end = 0
    for start in sorted(found):
        if start < end:
            raise FormatError(f"the tensor {found[start].name[:80]!r} overlaps another one")
        end = start + found[start].spec.nbytes
        if end > size:
            raise FormatError(f"the tensor {found[start].name[:80]!r} is outside the file")
        yield found[start]


def _place(reader: WireReader, message: TensorMessage, file: str, size: int) -> tuple[int, int] | None:
    """Position and bytes of a tensor's elements in a file; `None` if they aren't there."""
    entries: dict[str, str] = {}
    for start, end in message.external:
        texts = {n: reader.text(at, to) for n, wire, at, to in reader.fields(start, end) if wire == LENGTH}
        entries[texts.get(1, "")] = texts.get(2, "")
    if entries.get("location", "").removeprefix("./") != file:
        return None
    offset = _number(entries.get("offset", "0"))
    length = _number(entries["length"]) if "length" in entries else size - offset
    return offset, length


def _number(text: str) -> int:
    """A number in an entry.

    Raises:
        FormatError: It's none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise FormatError(f"{text[:40]!r} isn't a position in a file")
    return int(text)
