"""GGUF files: tensors, metadata, and files that are damaged."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from git_theta import testing
from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.gguf.dtypes import NUMBERS
from git_theta.formats.gguf.plugin import Gguf
from git_theta.formats.split import split
from git_theta.model.tensor import BLOCKS, TensorSpec
from tests.helpers.gguf_files import GgufTensor, gguf_bytes


def tensor(dtype: str, *shape: int) -> GgufTensor:
    return dtype, shape, Random(f"{dtype}{shape}").randbytes(TensorSpec(dtype, shape).nbytes)


EACH = {dtype: tensor(dtype, 2, 3, 2 * BLOCKS.get(dtype, (4, 1))[0]) for dtype in NUMBERS}
METADATA = {
    "general.architecture": "llama",
    "general.name": "größe",
    "llama.block_count": 2,
    "llama.rope.freq_base": 0.5,
    "flag": True,
    "tokenizer.ggml.tokens": ["<s>", "a", "bc"] * 10,
    "tokenizer.ggml.scores": [0.5, 1.5],
    "names": ["x"],
    "none": [],
    "nested": [[1, 2], [3]],
}


def locate(data: bytes) -> Located:
    return Gguf().locate(memoryview(data))


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("big_endian", [False, True])
def test_contract(version: int, big_endian: bool) -> None:
    testing.check_format(
        Gguf(),
        [
            gguf_bytes({}, METADATA, version, big_endian),
            gguf_bytes({"a": tensor("F32", 3), "b": tensor("Q4_0", 2, 32)}, {}, version, big_endian),
            gguf_bytes({"a": tensor("I8"), "b": tensor("F16", 0, 2)}, METADATA, version, big_endian, 8),
        ],
    )


@pytest.mark.parametrize("big_endian", [False, True])
def test_every_type(big_endian: bool) -> None:
    data = gguf_bytes(EACH, METADATA, 3, big_endian)
    found = {each.name: each for each in locate(data).tensors}
    assert list(found) == list(EACH)
    for name, (dtype, shape, value) in EACH.items():
        each = found[name]
        assert (each.spec, each.strides) == (TensorSpec(dtype, shape), None)
        assert data[each.offset :][: len(value)] == value
        assert each.big_endian == (big_endian and each.spec.word_size > 1)


def test_metadata() -> None:
    found = dict(Gguf().scalars(memoryview(gguf_bytes({}, METADATA, alignment=64))))
    assert found["general.architecture"] == "'llama'"
    assert found["general.name"] == "'größe'"
    assert (found["llama.block_count"], found["llama.rope.freq_base"], found["flag"]) == ("2", "0.5", "True")
    assert found["tokenizer.ggml.scores"] == "[0.5, 1.5]"
    assert found["tokenizer.ggml.tokens"].startswith("array of 30 elements, CRC ")
    assert (found["none"], found["general.alignment"]) == ("[]", "64")
    other = METADATA | {"tokenizer.ggml.tokens": ["<s>", "a", "bd"] * 10}
    assert dict(Gguf().scalars(memoryview(gguf_bytes({}, other)))) != found


def _patched(data: bytes, place: int, form: str, value: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, place, value)
    return bytes(changed)


ONE = gguf_bytes({"a": tensor("F32", 4)})
_INFO = 24 + 8 + 1

HOSTILE = {
    "no alignment": (gguf_bytes({"a": tensor("F32", 4)}, alignment=0), "alignment"),
    "odd alignment": (gguf_bytes({"a": tensor("F32", 4)}, alignment=24), "alignment"),
    "large alignment": (gguf_bytes({"a": tensor("F32", 4)}, alignment=1 << 31), "alignment"),
    "text as alignment": (gguf_bytes({}, {"general.alignment": "32"}), "alignment"),
    "first version": (_patched(ONE, 4, "<I", 1), "version 1"),
    "unknown version": (_patched(ONE, 4, "<I", 7), "version 7"),
    "many tensors": (_patched(ONE, 8, "<Q", 1 << 60), "more than any file"),
    "many keys": (_patched(ONE, 16, "<Q", 1 << 60), "more than any file"),
    "long name": (_patched(ONE, 24, "<Q", (1 << 64) - 1), "name has"),
    "many dimensions": (_patched(ONE, _INFO, "<I", 9), "9 dimensions"),
    "huge tensor": (_patched(ONE, _INFO + 4, "<Q", 1 << 63), "described wrongly"),
    "removed type": (_patched(ONE, _INFO + 12, "<I", 4), "unknown type 4"),
    "wrapping offset": (_patched(ONE, _INFO + 16, "<Q", (1 << 64) - 8), "ends inside its tensors"),
    "cut": (ONE[:-17], "ends inside its tensors"),
    "part of a block": (_patched(gguf_bytes({"a": tensor("Q4_0", 64)}), _INFO + 4, "<Q", 48), "whole blocks"),
    "blocks over rows": (gguf_bytes({"a": ("Q4_0", (2, 16), bytes(18))}), "whole blocks"),
    "overlap": (
        _patched(gguf_bytes({"a": tensor("F32", 16), "b": tensor("F32", 4)}), 24 + 2 * 33 - 8, "<Q", 8),
        "overlaps",
    ),
    "long text": (gguf_bytes({}, {"k": "v"})[:-9] + struct.pack("<Q", 1 << 63) + b"v", "inside its header"),
    "long array": (
        gguf_bytes({}, {"k": [1]})[:-12] + struct.pack("<Q", 1 << 61) + b"abcd",
        "inside its header",
    ),
    "many texts": (
        gguf_bytes({}, {"k": ["v"]})[:-17] + struct.pack("<Q", 1 << 61) + bytes(99),
        "more than 3,000,000",
    ),
    "nested": (gguf_bytes({}, {"k": [[[[[[[1]]]]]]]}), "nested too deeply"),
    "no UTF-8": (ONE.replace(b"\x01\0\0\0\0\0\0\0a", b"\x01\0\0\0\0\0\0\0\xff"), "UTF-8"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused(case: str) -> None:
    data, message = HOSTILE[case]
    assert Gguf().matches(memoryview(data))
    with pytest.raises(FormatError, match=message):
        locate(data)
    parts = split(memoryview(data), [Gguf()])
    assert (parts.format, message in parts.note) == ("opaque", True)


def test_bytes_that_only_begin_alike() -> None:
    assert not Gguf().matches(memoryview(b"GGUF" + b"h" * 60))
    assert not Gguf().matches(memoryview(b"GGUF" + bytes(60)))
    assert not Gguf().matches(memoryview(ONE[:23]))


def test_a_key_twice() -> None:
    data = gguf_bytes({}, {"kk": 1, "kl": 2}).replace(b"kl", b"kk")
    with pytest.raises(FormatError, match="repeated"):
        locate(data)


def _oracle(data: bytes, path: Path) -> Any:
    gguf = pytest.importorskip("gguf")
    path.write_bytes(data)
    return gguf.GGUFReader(path)


def test_the_librarys_reader_agrees(tmp_path: Path) -> None:
    data = gguf_bytes(
        {name: each for name, each in EACH.items() if name != "Q2_0"}, METADATA | {"nested": 1}, alignment=64
    )
    reader = _oracle(data, tmp_path / "m.gguf")
    found = {each.name: each for each in locate(data).tensors}
    assert len(reader.tensors) == len(found)
    for each in reader.tensors:
        ours = found[each.name]
        assert each.data.tobytes() == data[ours.offset :][: ours.spec.nbytes]
        assert tuple(map(int, each.shape)) == ours.spec.shape[::-1]
        assert each.tensor_type.name == ours.spec.dtype


@pytest.mark.parametrize("big_endian", [False, True])
def test_a_file_of_the_librarys_writer(tmp_path: Path, big_endian: bool) -> None:
    gguf = pytest.importorskip("gguf")
    path = tmp_path / "m.gguf"
    endian = gguf.GGUFEndian.BIG if big_endian else gguf.GGUFEndian.LITTLE
    writer = gguf.GGUFWriter(path, "llama", endianess=endian)
    writer.add_token_list(["a", "bc"])
    arrays = {"x": np.arange(6, dtype="f4").reshape(2, 3), "y": np.arange(5, dtype="f2")}
    for name, array in arrays.items():
        writer.add_tensor(name, array.copy())
    packed = gguf.quants.quantize(np.ones((2, 64), "f4"), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("q", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    data = path.read_bytes()
    found = {each.name: each for each in locate(data).tensors}
    assert found["q"].spec == TensorSpec("Q8_0", (2, 64))
    for name, array in arrays.items():
        stored = array.astype(array.dtype.newbyteorder(">" if big_endian else "<"))
        assert data[found[name].offset :][: array.nbytes] == stored.tobytes()
        assert found[name].spec.shape == array.shape
