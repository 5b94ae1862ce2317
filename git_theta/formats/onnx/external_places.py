"""The places of tensors in other files, as a model of ONNX tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from git_theta.errors import FormatError
from git_theta.formats.onnx.plugin import Onnx
from git_theta.formats.onnx.tensors import TensorMessage, spec_of
from git_theta.formats.onnx.walk import model_reader, tensors_of
from git_theta.formats.protobuf import LENGTH, WireReader
from git_theta.model.tensor import TensorSpec

#: Bytes of a model whose places are kept for the next file.
_MAX_KEPT = 1 << 25


class ExternalPlace(NamedTuple):
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


def external_places(content: bytes) -> Mapping[str, Sequence[ExternalPlace]]:
    """The tensors of a model that are in other files, by the name of the file.

    Raises:
        FormatError: The model is damaged.
    """
    return _kept_places(content) if len(content) <= _MAX_KEPT else _read_places(content)


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


def _read_places(content: bytes) -> dict[str, list[ExternalPlace]]:
    model = memoryview(content)
    found: dict[str, list[ExternalPlace]] = {}
    if Onnx().matches(model):
        reader = model_reader(model)
        for name, message, _, _ in tensors_of(reader, 0, len(model)):
            spec = spec_of(message) if message.external else None
            if spec:
                entries = _entries(reader, message)
                length = _number(entries["length"]) if "length" in entries else None
                place = ExternalPlace(name, spec, _number(entries.get("offset", "0")), length)
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
