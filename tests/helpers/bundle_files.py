"""TensorFlow's bundles as bytes: an index, which is a table of LevelDB, and data files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_theta.formats.neighbours import Neighbours
from git_theta.formats.protobuf import FIXED32, LENGTH, VARINT, tag, varint
from git_theta.model.tensor import TensorSpec

MAGIC = 0xDB4775248B80FB57.to_bytes(8, "little")

#: TensorFlow's numbers of some dtypes; the last one is that of texts.
NUMBERS = {
    "F32": 1,
    "F64": 2,
    "I32": 3,
    "U8": 4,
    "C64": 8,
    "I64": 9,
    "BOOL": 10,
    "BF16": 14,
    "F16": 19,
    "": 7,
}


@dataclass(frozen=True)
class BundleTensor:
    """A tensor to write: its dtype (empty for texts), shape and bytes, and the number of its data file."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes
    shard: int = 0

    @classmethod
    def of(cls, dtype: str, *shape: int, fill: int = 1, shard: int = 0) -> BundleTensor:
        """A tensor whose bytes are all the same."""
        return cls(dtype, shape, bytes([fill]) * TensorSpec(dtype, shape).nbytes, shard)


def bundle(
    tensors: Mapping[str, BundleTensor], shards: int = 1, big_endian: bool = False, per_block: int = 3
) -> tuple[bytes, list[bytes]]:
    """The index, and each data file.

    Args:
        tensors: The tensors by name.
        shards: Number of data files.
        big_endian: What the index says of their order of bytes.
        per_block: Entries in a block of the index.
    """
    files = [b""] * shards
    header = number(1, shards) + number(2, int(big_endian)) + field(3, number(1, 1))
    entries = {b"": header}
    for name, each in tensors.items():
        place = len(files[each.shard])
        entries[name.encode()] = entry(each.dtype, each.shape, each.shard, place, len(each.data))
        files[each.shard] += each.data
    return table(dict(sorted(entries.items())), per_block), files


def entry(dtype: str, shape: Sequence[int], shard: int, offset: int, size: int) -> bytes:
    """The index's entry of a tensor; zeros are left out."""
    sizes = b"".join(field(2, number(1, each)) for each in shape)
    numbers = b"".join(number(key, value) for key, value in ((3, shard), (4, offset), (5, size)) if value)
    return number(1, NUMBERS[dtype]) + field(2, sizes) + numbers + tag(6, FIXED32) + bytes(4)


def number(key: int, value: int) -> bytes:
    """A field that's a whole number."""
    return tag(key, VARINT) + varint(value)


def field(key: int, content: bytes) -> bytes:
    """A field of some bytes."""
    return tag(key, LENGTH) + varint(len(content)) + content


def table(entries: Mapping[bytes, bytes], per_block: int = 3, kind: int = 0) -> bytes:
    """A table of LevelDB.

    Args:
        entries: Its entries, in order.
        per_block: Entries in a block.
        kind: The byte after each block that says how it's compressed.
    """
    keys = list(entries)
    groups = [keys[start : start + per_block] for start in range(0, len(keys), per_block)]
    return table_of({some[-1]: block({key: entries[key] for key in some}) for some in groups}, kind)


def table_of(blocks: Mapping[bytes, bytes], kind: int = 0) -> bytes:
    """A table of these blocks, by their last keys."""
    data, handles = b"", {}
    for key, content in blocks.items():
        handles[key] = varint(len(data)) + varint(len(content))
        data += content + bytes([kind]) + bytes(4)
    ends = []
    for content in (block({}), block(handles)):
        ends.append(varint(len(data)) + varint(len(content)))
        data += content + bytes([kind]) + bytes(4)
    return data + b"".join(ends).ljust(40, b"\0") + MAGIC


def block(entries: Mapping[bytes, bytes]) -> bytes:
    """A block, in which keys begin with a part of the one before."""
    content, before = b"", b""
    for key, value in entries.items():
        shared = next((at for at in range(len(key)) if key[: at + 1] != before[: at + 1]), len(key))
        content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    return content + bytes(4) + (1).to_bytes(4, "little")


def beside(name: str, files: Mapping[str, bytes]) -> Neighbours:
    """The neighbours of a file of this name, among others."""
    return Neighbours(name, lambda: sorted(files), files.get)
