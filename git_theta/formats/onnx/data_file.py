"""Data files of ONNX models: the elements of tensors, whose places are in a model beside the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor
from git_theta.formats.onnx.plugin import Onnx
from git_theta.formats.onnx.tensors import TensorMessage, spec_of
from git_theta.formats.onnx.walk import model_reader, tensors_of
from git_theta.formats.protobuf import LENGTH, WireReader
from git_theta.model.tensor import TensorSpec

if TYPE_CHECKING:
    from git_theta.formats.neighbours import Neighbours

_SUFFIX = ".onnx"

#: Models beside a file that are asked for it, and bytes of one whose places are kept for the next file.
_MAX_MODELS = 8
_MAX_KEPT = 1 << 25


class _Place(NamedTuple):
    """The place of a tensor in another file.

    Attributes:
        name: Its name in the model.
        spec: Dtype and shape.
        offset: Position of its elements.
        length: Their bytes; `None` for all from there on.
    """

    name: str
    spec: TensorSpec
    offset: int
    length: int | None


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
            found = tuple(_tensors(_places(content).get(neighbours.name, ()), len(data))) if content else ()
            if found:
                return Located(found)
        raise FormatError("no model beside the file names it")


def data_file_names(model: memoryview) -> list[str]:
    """Names of the files beside a model that have some of its tensors.

    Args:
        model: A model; the bytes of its own tensors may be anything.

    Raises:
        FormatError: The model is damaged.
    """
    reader = model_reader(model)
    messages = [message for _, message, _, _ in tensors_of(reader, 0, len(model)) if message.external]
    return sorted({_location(_entries(reader, message)) for message in messages} - {""})


def _models(neighbours: Neighbours) -> list[str]:
    """Names of models in the folder, those first that the file's name begins like."""
    models = [name for name in neighbours.names() if name.endswith(_SUFFIX) and name != neighbours.name]
    return sorted(models, key=lambda name: not neighbours.name.startswith(name.removesuffix(_SUFFIX)))


def _tensors(places: Sequence[_Place], size: int) -> Iterator[Tensor]:
    """The tensors in a file, in its order.

    Args:
        places: Those that a model says are there.
        size: Bytes of the file.

    Raises:
        FormatError: The model describes another file: tensors overlap, or are outside of it.
    """
    found: dict[int, Tensor] = {}
    for place in places:
        length = size - place.offset if place.length is None else place.length
        if place.spec.nbytes == length:
            found.setdefault(place.offset, Tensor(place.name, place.spec, place.offset))
    end = 0
    for start in sorted(found):
        if start < end:
            raise FormatError(f"the tensor {found[start].name[:80]!r} overlaps another one")
        end = start + found[start].spec.nbytes
        if end > size:
            raise FormatError(f"the tensor {found[start].name[:80]!r} is outside the file")
        yield found[start]


def _places(content: bytes) -> Mapping[str, Sequence[_Place]]:
    return _kept_places(content) if len(content) <= _MAX_KEPT else _read_places(content)


def _read_places(content: bytes) -> dict[str, list[_Place]]:
    """The tensors of a model that are in other files, by the name of the file.

    Raises:
        FormatError: The model is damaged.
    """
    model = memoryview(content)
    found: dict[str, list[_Place]] = {}
    if Onnx().matches(model):
        reader = model_reader(model)
        for name, message, _, _ in tensors_of(reader, 0, len(model)):
            spec = spec_of(message) if message.external else None
            if spec:
                entries = _entries(reader, message)
                length = _number(entries["length"]) if "length" in entries else None
                place = _Place(name, spec, _number(entries.get("offset", "0")), length)
                found.setdefault(_location(entries), []).append(place)
    return found


#: The files of a folder are read one after another, and there may be one for each tensor.
_kept_places = lru_cache(maxsize=1)(_read_places)


def _entries(reader: WireReader, message: TensorMessage) -> dict[str, str]:
    """The key and the value of each entry about the place of a tensor."""
    entries: dict[str, str] = {}
    for start, end in message.external:
        texts = {n: reader.text(at, to) for n, wire, at, to in reader.fields(start, end) if wire == LENGTH}
        entries[texts.get(1, "")] = texts.get(2, "")
    return entries


def _location(entries: Mapping[str, str]) -> str:
    """The name of the file that entries name."""
    return entries.get("location", "").removeprefix("./")


def _number(text: str) -> int:
    """A number in an entry.

    Raises:
        FormatError: It's none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise FormatError(f"{text[:40]!r} isn't a position in a file")
    return int(text)
