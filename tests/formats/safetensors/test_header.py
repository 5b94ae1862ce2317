"""Headers of safetensors files."""

from __future__ import annotations

import struct

import pytest

from git_theta.errors import FormatError
from git_theta.formats.safetensors import header
from git_theta.formats.safetensors.header import header_end, read_header, read_metadata


def file(text: bytes) -> memoryview:
    return memoryview(struct.pack("<Q", len(text)) + text + b"tensors")


def test_a_header_is_a_json_object() -> None:
    data = file('{"größe": {}}'.encode())
    assert read_header(data) == {"größe": {}}
    assert bytes(data[header_end(data) :]) == b"tensors"


@pytest.mark.parametrize(
    "text",
    [b"[]", b"{", b'{"a": 1, "a": 2}', b'{"\xff": 1}', b"[" * 100_000],
    ids=["no object", "cut off", "one key twice", "no text", "too deep"],
)
def test_other_headers_are_refused(text: bytes) -> None:
    with pytest.raises(FormatError, match="safetensors header isn't"):
        read_header(file(text))


def test_metadata_may_be_missing_or_empty() -> None:
    assert read_metadata({}) is None
    assert read_metadata({"__metadata__": {}}) == {}


def test_metadata_must_be_an_object() -> None:
    with pytest.raises(FormatError, match="__metadata__ isn't a JSON object"):
        read_metadata({"__metadata__": "epoch 3"})


@pytest.mark.parametrize("length", [b"\xff" * 8, b"\xff" * 7 + b"\0", struct.pack("<Q", 11)])
def test_a_header_that_is_longer_than_its_file_is_never_read(length: bytes) -> None:
    with pytest.raises(FormatError, match="longer than the file"):
        read_header(memoryview(length + b'{"a": {}} '))


def test_a_header_of_very_many_items_is_refused_before_it_becomes_objects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(header, "_MAX_PUNCTUATION", 10)
    with pytest.raises(FormatError, match="more items"):
        read_header(file(b'{"a": [[],[],[],[],[]]}'))
