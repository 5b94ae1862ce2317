"""Distributed checkpoints as PyTorch writes them, without PyTorch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.helpers.pickled import archive, call, mapping, name, number, numbers, storage, tensor, text, whole

#: Name of a value, origin of a part of a tensor, file, start, size.
Chunk = tuple[str, tuple[int, ...] | None, str, int, int]


def item(array: np.ndarray) -> bytes:
    """The archive of a tensor of float32."""
    tree = tensor(storage("0", array.size), array.shape)
    return archive({"data.pkl": whole(tree), "data/0": array.astype("<f4").tobytes()})


def plain_item(value: int) -> bytes:
    """The archive of a number."""
    return archive({"data.pkl": whole(number(value)), "version": b"3"})


def _made(kind: str, attributes: dict[str, bytes]) -> bytes:
    return name("torch.distributed.checkpoint", kind) + b")\x81" + mapping(attributes) + b"b"


def metadata(chunks: Sequence[Chunk]) -> bytes:
    """The file `.metadata`."""
    places = b"}("
    for key, origin, file, start, size in chunks:
        offset = b"N" if origin is None else call("torch", "Size", numbers(*origin))
        places += _made("MetadataIndex", {"fqn": text(key), "offset": offset, "index": b"N"})
        where = {"relative_path": text(file), "offset": number(start), "length": number(size)}
        places += _made("_StorageInfo", where)
    return whole(_made("Metadata", {"state_dict_metadata": b"}", "storage_data": places + b"u"}))


def data_file(
    file: str, items: Sequence[tuple[str, tuple[int, ...] | None, bytes]]
) -> tuple[bytes, list[Chunk]]:
    """A data file of these named archives, and its chunks."""
    data, chunks = b"", []
    for key, origin, content in items:
        chunks.append((key, origin, file, len(data), len(content)))
        data += content
    return data, chunks
