"""Write nested dictionaries of arrays as Flax does: MessagePack with an extension for arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from git_theta.legacy.metadata import KeyPath
from git_theta.legacy.values import LegacyValue

if TYPE_CHECKING:
    import msgpack
    from numpy.typing import NDArray

_ARRAY = 1

#: Larger arrays are split into chunks of this many bytes.
_MAX_CHUNK_BYTES = 1 << 30


def write_flax(values: Mapping[KeyPath, LegacyValue], file: BinaryIO) -> None:
    """Write a file that `flax.serialization.msgpack_restore` reads.

    Raises:
        ThetaError: A value can't be read.
    """
    import msgpack

    tree: dict[str, Any] = {}
    for path, value in values.items():
        node = tree
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = value
    _write(tree, file, msgpack.Packer(strict_types=True))


def _write(node: Any, file: BinaryIO, packer: msgpack.Packer) -> None:
    if isinstance(node, LegacyValue):
        _write_array(node.read(), file, packer)
        return
    file.write(packer.pack_map_header(len(node)))
    for key, child in node.items():
        file.write(packer.pack(key))
        _write(child, file, packer)


def _write_array(array: NDArray[Any], file: BinaryIO, packer: msgpack.Packer) -> None:
    if array.nbytes <= _MAX_CHUNK_BYTES:
        file.write(_packed(array, packer))
        return
    step = _MAX_CHUNK_BYTES // array.dtype.itemsize
    flat = array.reshape(-1)
    chunks = [flat[at : at + step] for at in range(0, len(flat), step)]
    file.write(packer.pack_map_header(3))
    shape = {str(index): size for index, size in enumerate(array.shape)}
    for item in ("__msgpack_chunked_array__", True, "shape", shape, "chunks"):
        file.write(packer.pack(item))
    file.write(packer.pack_map_header(len(chunks)))
    for index, chunk in enumerate(chunks):
        file.write(packer.pack(str(index)))
        file.write(_packed(chunk, packer))


def _packed(array: NDArray[Any], packer: msgpack.Packer) -> bytes:
    import msgpack

    content = msgpack.packb((array.shape, array.dtype.name, array.tobytes()))
    packed: bytes = packer.pack(msgpack.ExtType(_ARRAY, content))
    return packed
