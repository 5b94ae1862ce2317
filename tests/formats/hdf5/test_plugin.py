"""HDF5 files that are kept: tensors, attributes, and files that are damaged."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from git_theta import formats, testing
from git_theta.errors import FormatError
from git_theta.formats.base import Tensor
from git_theta.formats.hdf5.plugin import Hdf5
from git_theta.formats.split import OPAQUE, check_located, split
from git_theta.model.strided import gather, temporary_file
from git_theta.model.tensor import TensorSpec
from tests.helpers.hdf5_files import kept, numbers

FILES = ("earliest.h5", "latest.h5", "dense.h5")
EARLIEST, LATEST, DENSE = map(kept, FILES)


def located(data: bytes) -> dict[str, Tensor]:
    return {tensor.name: tensor for tensor in Hdf5().locate(memoryview(data)).tensors}


def value(data: bytes, tensor: Tensor) -> bytes:
    place = (tensor.offset, tensor.strides, tensor.big_endian)
    return bytes(gather(memoryview(data), tensor.spec, *place, temporary_file))


@pytest.mark.parametrize("name", FILES)
def test_contract(name: str) -> None:
    testing.check_format(Hdf5(), [kept(name)])


@pytest.mark.parametrize("data", [EARLIEST, LATEST], ids=["earliest", "latest"])
def test_tensors(data: bytes) -> None:
    found = located(data)
    kernel = numbers(4, 3)
    assert found["model/layer/kernel"].spec == TensorSpec("F32", (4, 3))
    assert value(data, found["model/layer/kernel"]) == kernel.tobytes()
    assert value(data, found["model/tied"]) == kernel.tobytes()
    assert found["model/layer/bias"].big_endian
    assert value(data, found["model/layer/bias"]) == numbers(3).astype("<f8").tobytes()
    assert (found["step"].spec, value(data, found["step"])) == (TensorSpec("I64", ()), struct.pack("<q", 7))


@pytest.mark.parametrize("data", [EARLIEST, LATEST], ids=["earliest", "latest"])
def test_chunks(data: bytes) -> None:
    found = located(data)
    grid = numbers(4, 4)
    for name, part in (("[0:3,0:3]", grid[:3, :3]), ("[0:3,3:4]", grid[:3, 3:]), ("[3:4,3:4]", grid[3:, 3:])):
        assert found["grid" + name].spec.shape == part.shape
        assert value(data, found["grid" + name]) == part.tobytes()
    packed = found["packed"]
    assert packed.spec.dtype == "U8"
    planes = np.frombuffer(zlib.decompress(value(data, packed)), np.uint8).reshape(4, 64)
    assert planes.T.tobytes() == numbers(8, 8).tobytes()


def test_chunks_that_follow_each_other_are_one_tensor() -> None:
    found = located(EARLIEST)
    assert found["rows"].spec == TensorSpec("F32", (5, 2))
    assert value(EARLIEST, found["rows"]) == numbers(5, 2).tobytes()


def test_members_and_attributes_in_heaps() -> None:
    found = located(DENSE)
    for number in range(9):
        assert value(DENSE, found[f"dense/{number}"]) == struct.pack("<f", number)
    assert value(DENSE, found["grows"]) == numbers(6, 2).tobytes()
    texts = dict(Hdf5().scalars(memoryview(DENSE)))
    assert texts == {f"dense/@a{number}": str(number) for number in range(9)}


def test_attributes() -> None:
    for data in (EARLIEST, LATEST):
        texts = dict(Hdf5().scalars(memoryview(data)))
        assert texts == {"@config/units": "3", "model/layer/@names": "['kernel', 'bias']"}


def test_the_users_own_bytes_before_the_file() -> None:
    data = b"MATLAB 7.3".ljust(512) + LATEST
    found = located(data)
    assert value(data, found["model/layer/kernel"]) == numbers(4, 3).tobytes()
    assert not Hdf5().matches(memoryview(b"PK\x03\x04".ljust(512) + LATEST))
    assert not Hdf5().matches(memoryview(b" " * 500 + LATEST))


def _at(data: bytes, mark: bytes, nth: int = 0) -> int:
    place = -1
    for _ in range(nth + 1):
        place = data.index(mark, place + 1)
    return place


def _patched(data: bytes, place: int, new: bytes) -> bytes:
    return data[:place] + new + data[place + len(new) :]


def _address(number: int) -> bytes:
    return struct.pack("<Q", number)


#: How a message begins that says where a dataset is.
_PLACE = b"\3\1"

_KERNEL = numbers(4, 3).tobytes()
_KERNEL_AT = EARLIEST.index(_KERNEL)
_BIAS_AT = EARLIEST.index(numbers(3).astype(">f8").tobytes())


def _moved_kernel(address: bytes) -> bytes:
    return EARLIEST.replace(_PLACE + _address(_KERNEL_AT), _PLACE + address)


_TREE_AT = _at(EARLIEST, b"TREE")
_CHUNKS_AT = _at(EARLIEST, b"TREE\x01")
_HEAP_AT = _at(EARLIEST, b"HEAP")

HOSTILE = {
    "cut": (EARLIEST[:-1], "cut off"),
    "no superblock": (EARLIEST[:20], "no superblock"),
    "unknown version": (_patched(EARLIEST, 8, b"\x07"), "version 7"),
    "odd addresses": (_patched(EARLIEST, 13, b"\x03"), "addresses of 3"),
    "root outside": (_patched(EARLIEST, 64, _address(1 << 60)), "outside the file"),
    "root elsewhere": (_patched(EARLIEST, 64, _address(_KERNEL_AT)), "no header|outside"),
    "dataset over another one": (
        EARLIEST.replace(_PLACE + _address(_BIAS_AT), _PLACE + _address(_KERNEL_AT + 8)),
        "lies in another one",
    ),
    "dataset over metadata": (_moved_kernel(_address(_TREE_AT)), "lies in"),
    "dataset outside": (_moved_kernel(_address(1 << 62)), "outside the file"),
    "wrapping dataset": (_moved_kernel(b"\xf0" + b"\xff" * 7), "outside the file"),
    "huge dataset": (
        EARLIEST.replace(struct.pack("<2Q", 4, 3), struct.pack("<2Q", 1 << 62, 1 << 62)),
        "described wrongly",
    ),
    "tree in itself": (
        EARLIEST.replace(_address(_at(EARLIEST, b"SNOD")), _address(_TREE_AT)),
        "circle",
    ),
    "tree of its own children": (
        _patched(EARLIEST, _CHUNKS_AT + 5, b"\x01").replace(
            _address(struct.unpack_from("<Q", EARLIEST, _CHUNKS_AT + 24 + 32)[0]), _address(_CHUNKS_AT)
        ),
        "wrong place|circle",
    ),
    "wrong kind of tree": (_patched(EARLIEST, _CHUNKS_AT + 4, b"\0"), "wrong place"),
    "long tree": (_patched(EARLIEST, _TREE_AT + 6, b"\xff\xff"), "outside the file|more bytes"),
    "large heap": (_patched(EARLIEST, _HEAP_AT + 8, _address(1 << 50)), "outside the file"),
    "no end of a name": (_patched(EARLIEST, _HEAP_AT + 32, b"\xff" * 88), "no end"),
}


def test_an_array_of_chunks_with_empty_elements() -> None:
    at = _at(LATEST, b"FAHD")
    # The elements' size, bits of a page, and their number.
    spoiled = _patched(LATEST, at + 6, b"\0\x3f" + b"\xff" * 8)
    with pytest.raises(FormatError, match="without an address"):
        located(spoiled)


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case: str) -> None:
    data, message = HOSTILE[case]
    assert Hdf5().matches(memoryview(data))
    with pytest.raises(FormatError, match=message):
        check_located(Hdf5().locate(memoryview(data)), len(data))
    parts = split(memoryview(data), formats.registry())
    assert (parts.format, parts.note != "") == (OPAQUE, True)
