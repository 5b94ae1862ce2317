"""Write a dictionary of tensors as PyTorch does since version 1.6."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from git_theta.formats.pickle.nodes import Dict, Global, Object, PersistentId
from git_theta.formats.pytorch.pickler import write_pickle
from git_theta.formats.pytorch.slots import Slot
from git_theta.formats.pytorch.version_tree import VersionTree
from git_theta.formats.pytorch.zip_records import read_records
from git_theta.formats.pytorch.zip_writer import Record, write_archive
from git_theta.formats.split import complement
from git_theta.legacy.metadata import KeyPath, LegacyError
from git_theta.legacy.values import LegacyValue

if TYPE_CHECKING:
    from git_theta.model.tensor import TensorSpec

_ALIGNMENT = 64

_STORAGES = {
    "BOOL": "BoolStorage",
    "U8": "ByteStorage",
    "I8": "CharStorage",
    "I16": "ShortStorage",
    "I32": "IntStorage",
    "I64": "LongStorage",
    "F16": "HalfStorage",
    "F32": "FloatStorage",
    "F64": "DoubleStorage",
    "C64": "ComplexFloatStorage",
    "C128": "ComplexDoubleStorage",
}


def write_pytorch(values: Mapping[KeyPath, LegacyValue], file: BinaryIO) -> None:
    """Write a file that `torch.load` reads as a dictionary of tensors, in the order of the mapping.

    Raises:
        LegacyError: A dtype isn't PyTorch's, or names are nested.
        ThetaError: A value can't be read.
    """
    specs = [(path, value.spec()) for path, value in values.items()]
    draft = write_archive("archive", _records(specs), _ALIGNMENT)
    _, _, members = read_records(draft)
    places = [members[f"data/{index}"] for index in range(len(specs))]
    holes = [(place.offset, place.offset + place.size) for place in places]
    file.truncate(len(draft))
    for start, end in complement(holes, len(draft)):
        _write_at(file, start, draft[start:end])
    for place, value in zip(places, values.values(), strict=True):
        data = value.read().tobytes()
        _write_at(file, place.offset, data)
        for field in place.crcs:
            _write_at(file, field, zlib.crc32(data).to_bytes(4, "little"))


def _records(specs: list[tuple[KeyPath, TensorSpec]]) -> list[Record]:
    sizes = {str(index): (0, spec.nbytes) for index, (_, spec) in enumerate(specs)}
    # Each storage is the bytes of one tensor, which are written later.
    sharing = {key: ("/".join(path),) for key, (path, _) in zip(sizes, specs, strict=True)}
    source = VersionTree(None, b"", memoryview(b""), sizes, [], False, {}, {}, {}, sharing)
    tree = Dict([(_key(path), _tensor(str(index), spec)) for index, (path, spec) in enumerate(specs)])
    slots: list[Record] = [(f"data/{key}", Slot(source, key, key)) for key in sizes]
    return [("data.pkl", write_pickle(tree)), ("byteorder", b"little"), *slots, ("version", b"3\n")]


def _key(path: KeyPath) -> str:
    if len(path) != 1:
        raise LegacyError(f"a PyTorch checkpoint has no nested names such as {'/'.join(path)[:80]!r}")
    return path[0]


def _tensor(key: str, spec: TensorSpec) -> Any:
    """The pickled call by which PyTorch takes a whole storage for a tensor."""
    if spec.dtype not in _STORAGES:
        raise LegacyError(f"git-theta 0.2 had no PyTorch tensors of dtype {spec.dtype}")
    storage = PersistentId(("storage", Global("torch", _STORAGES[spec.dtype]), key, "cpu", spec.count))
    strides = tuple(step // spec.item_size for step in spec.strides)
    hooks = Object(Global("collections", "OrderedDict"), ())
    arguments = (storage, 0, spec.shape, strides, False, hooks)
    return Object(Global("torch._utils", "_rebuild_tensor_v2"), arguments)


def _write_at(file: BinaryIO, offset: int, data: bytes | memoryview) -> None:
    file.seek(offset)
    file.write(data)
