"""Indexes of TensorFlow's bundles, and hostile ones."""

from __future__ import annotations

import pytest

from git_theta.errors import FormatError
from git_theta.formats.protobuf import varint
from git_theta.formats.tensorflow.index import read_index
from git_theta.model.tensor import TensorSpec
from tests.helpers.bundle_files import BundleTensor, bundle, entry, field, number, table, table_of


def test_many_tensors_in_blocks() -> None:
    tensors = {f"layer/{n:04}/w": BundleTensor.of("F32", n % 3, 2) for n in range(500)}
    for per_block in (1, 16, 1000):
        found = read_index(memoryview(bundle(tensors, per_block=per_block)[0]))
        assert [each.name for each in found.entries] == sorted(tensors)
        assert [each.spec for each in found.entries] == [TensorSpec("F32", (n % 3, 2)) for n in range(500)]


def test_parts_of_a_tensor_are_numbered() -> None:
    whole = number(1, 1) + field(2, field(2, number(1, 8))) + field(7, b"") + field(7, b"")
    parts = {b"\0a\0\xffb\0\1\1\x80": (4, 0), b"\0a\0\xffb\0\1\1\x81": (4, 16)}
    entries = {b"": number(1, 1), b"a\0b": whole}
    entries |= {key: entry("F32", [size], 0, at, 16) for key, (size, at) in parts.items()}
    found = read_index(memoryview(table(dict(sorted(entries.items())))))
    assert [(each.name, each.offset) for each in found.entries] == [("a\0b/part_0", 0), ("a\0b/part_1", 16)]


def test_tensors_whose_bytes_are_others_are_none() -> None:
    entries = {b"": number(1, 1), b"w": entry("F32", [2], 0, 0, 9), b"x": entry("", [1], 0, 9, 3)}
    found = read_index(memoryview(table(entries)))
    assert [(each.spec, each.size) for each in found.entries] == [(None, 9), (None, 3)]


def _with(content: bytes) -> bytes:
    return table({b"": number(1, 1), b"w": content})


HOSTILE = {
    "compressed": table({b"": b""}, kind=1),
    "negative offset": _with(entry("F32", [1], 0, -1, 4)),
    "huge": _with(entry("F32", [1 << 62, 1 << 62], 0, 0, 4)),
    "negative size": _with(entry("F32", [-3], 0, 0, 4)),
    "many dimensions": _with(entry("F32", [1] * 99, 0, 0, 4)),
    "no protobuf": _with(b"\xff" * 40),
    "long key": table({b"": number(1, 1), b"w" * 5000: b""}),
    "cut": _with(b"")[1:],
    "no end": _with(b"")[:-1],
    "blocks outside": _with(b"")[-48:],
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_indexes_are_refused(case: str) -> None:
    with pytest.raises(FormatError):
        read_index(memoryview(HOSTILE[case]))


def test_a_block_that_is_listed_twice() -> None:
    data = table({b"a": b"", b"b": b""}, per_block=1)
    first = data.index(b"a", 10)
    second = data.index(b"b", first)
    # Handles are an offset and a size; that of the second block becomes the first one's.
    twice = data[: second + 1] + data[first + 1 : first + 3] + data[second + 3 :]
    with pytest.raises(FormatError, match="in order"):
        read_index(memoryview(twice))


def test_keys_that_are_long_together() -> None:
    first = varint(0) + varint(4000) + varint(0) + b"k" * 4000
    again = varint(4000) + varint(0) + varint(0)
    content = first + again * 20_000 + bytes(4) + (1).to_bytes(4, "little")
    with pytest.raises(FormatError, match="longer keys"):
        read_index(memoryview(table_of({b"k" * 4000: content})))
