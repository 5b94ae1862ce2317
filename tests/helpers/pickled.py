"""Write pickles opcode by opcode, and PyTorch's files around them, so that no test needs PyTorch."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

from git_theta.formats.base import Tensor
from git_theta.model.tensor import numpy_dtype

MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
PROTOCOL = b"\x80\x02M\xe9\x03."


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def number(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def group(*values: bytes) -> bytes:
    return b"(" + b"".join(values) + b"t"


def numbers(*values: int) -> bytes:
    return group(*map(number, values))


def mapping(pairs: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in pairs.items()) + b"u"


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def call(module: str, attribute: str, *args: bytes) -> bytes:
    return name(module, attribute) + group(*args) + b"R"


def whole(value: bytes) -> bytes:
    return b"\x80\x02" + value + b"."


def storage(key: str, count: int, kind: str = "FloatStorage", *more: bytes) -> bytes:
    return group(text("storage"), name("torch", kind), text(key), text("cpu"), number(count), *more) + b"Q"


def tensor(
    held_in: bytes, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, offset: int = 0
) -> bytes:
    if strides is None:
        natural, step = [], 1
        for size in reversed(shape):
            natural.append(step)
            step *= max(size, 1)
        strides = tuple(reversed(natural))
    hooks = call("collections", "OrderedDict")
    return call(
        "torch._utils",
        "_rebuild_tensor_v2",
        held_in,
        number(offset),
        numbers(*shape),
        numbers(*strides),
        b"\x89",
        hooks,
    )


def storage_bytes(data: bytes) -> bytes:
    """A storage of float32 in a plain pickle: a call with a file by PyTorch before 1.6."""
    count = (len(data) + 3) // 4
    file = legacy(storage("0", count), {"0": (count, data)})
    return call("torch.storage", "_load_from_bytes", b"B" + struct.pack("<I", len(file)) + file)


def plain_tensor(
    held_in: bytes, shape: tuple[int, ...], strides: tuple[int, ...] | None = None, offset: int = 0
) -> bytes:
    """A tensor in a plain pickle, of the elements or the storage that are given."""
    made = held_in if held_in[:1] in (b"c", b"h") else storage_bytes(held_in)
    return tensor(made, shape, strides, offset)


def dtype(code: str, flags: int = 0) -> bytes:
    """A dtype of NumPy's."""
    state = group(number(3), text("<"), b"NNN", number(-1), number(-1), number(flags))
    return call("numpy", "dtype", text(code), b"\x89", b"\x88") + state + b"b"


def joblib_array(shape: tuple[int, ...], kind: bytes, order: str = "C", aligned: bool = True) -> bytes:
    """The description of an array by joblib, which the elements follow."""
    parts = {
        "subclass": name("numpy", "ndarray"),
        "shape": numbers(*shape),
        "order": text(order),
        "dtype": kind,
        "allow_mmap": b"\x88",
    }
    if aligned:
        parts["numpy_array_alignment_bytes"] = number(16)
    return name("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81" + mapping(parts) + b"b"


def archive(records: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip archive of these records in a folder, always with the same dates."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as opened:
        for key, data in records.items():
            opened.writestr(zipfile.ZipInfo(f"archive/{key}"), data, compression)
    return file.getvalue()


def legacy(tree: bytes, storages: Mapping[str, tuple[int, bytes]], *, little: bool = True) -> bytes:
    """A file as PyTorch wrote it before 1.6: key → number of elements and their bytes."""
    system = mapping({"protocol_version": number(1001), "little_endian": b"\x88" if little else b"\x89"})
    keys = b"](" + b"".join(map(text, storages)) + b"e"
    body = b"".join(struct.pack("<q", count) + data for count, data in storages.values())
    return MAGIC + PROTOCOL + whole(system) + whole(tree) + whole(keys) + body


def values_of(found: Tensor, data: bytes) -> list[object]:
    """The numbers of a tensor in a file, as nested lists."""
    dtype = numpy_dtype(found.spec.dtype)
    if found.big_endian:
        dtype = dtype.newbyteorder(">")
    strides = found.strides or found.spec.strides
    return np.ndarray(found.spec.shape, dtype, data, found.offset, strides).tolist()
