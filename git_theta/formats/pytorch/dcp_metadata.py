"""The file `.metadata` of PyTorch's distributed checkpoints: a pickle that says where each value is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from git_theta.errors import FormatError
from git_theta.formats.pickle.nodes import Dict, Global, Object
from git_theta.formats.pickle.unpickle_inert import read_pickle

METADATA = ".metadata"

#: Opcodes of the pickle, as a bound on time; 100,000 values need about three million.
_MAX_OPCODES = 4_000_000


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A value, or a part of a tensor, in a file.

    Attributes:
        name: Name of the value.
        origin: Indices of the part's first element in the tensor; `None` for all of a value.
        file: Name of the file, by which all of its folder begins.
        start: Position of its archive in the file.
        size: Bytes of the archive.
    """

    name: str
    origin: tuple[int, ...] | None
    file: str
    start: int
    size: int

    def full_name(self, shape: tuple[int, ...]) -> str:
        """The name, with the range of a part in each dimension of its tensor.

        Args:
            shape: The part's own shape.
        """
        if self.origin is None or len(self.origin) != len(shape):
            return self.name
        ranges = (f"{at}:{at + size}" for at, size in zip(self.origin, shape, strict=True))
        return f"{self.name}[{','.join(ranges)}]"


def read_dcp_metadata(data: bytes) -> list[StoredChunk]:
    """The chunks of all files.

    Raises:
        FormatError: The pickle is damaged, or isn't such a description.
    """
    places = _attributes(read_pickle(data, 0, _MAX_OPCODES).root).get("storage_data")
    if not isinstance(places, Dict):
        raise FormatError("the pickle has no places of values")
    found = list(_chunks(places))
    parts = Counter(chunk.name for chunk in found)
    # A tensor in one piece has the name of the tensor.
    return [chunk if parts[chunk.name] > 1 else _whole(chunk) for chunk in found]


def _chunks(places: Dict) -> Iterator[StoredChunk]:
    for index, place in places.pairs:
        key, info = _attributes(index), _attributes(place)
        match key.get("fqn"), info.get("relative_path"), info.get("offset"), info.get("length"):
            case str(name), str(file), int(start), int(size):
                yield StoredChunk(name, _origin(key.get("offset")), file, start, size)
            case _:
                raise FormatError("the place of a value is described wrongly")


def _whole(chunk: StoredChunk) -> StoredChunk:
    return StoredChunk(chunk.name, None, chunk.file, chunk.start, chunk.size)


def _attributes(node: Any) -> dict[str, Any]:
    match node:
        case Object(state=Dict(pairs)):
            return {key: value for key, value in pairs if isinstance(key, str)}
    return {}


def _origin(node: Any) -> tuple[int, ...] | None:
    match node:
        case Object(Global(name="Size"), (tuple(sizes),)) if all(type(size) is int for size in sizes):
            return sizes
    return None
