from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta import formats
from git_theta.errors import FormatError
from git_theta.formats.base import Located
from git_theta.formats.scalars import scalars
from tests.helpers.generators import broken
from tests.helpers.pickled import archive, call, legacy, mapping, number, storage, tensor, text, whole

TREE = mapping(
    {
        "model": mapping({"w": tensor(storage("0", 1), (1,))}),
        "epoch": number(3),
        "lr": b"G" + struct.pack(">d", 0.001),
        "arch": text("resnet"),
        "done": b"\x88",
        "groups": b"](" + mapping({"decay": number(0)}) + b"e",
        "args": call("argparse", "Namespace") + mapping({"seed": number(7)}) + b"b",
    }
)
SCALARS = {
    "epoch": "3",
    "lr": "0.001",
    "arch": "'resnet'",
    "done": "True",
    "groups/0/decay": "0",
    "args/seed": "7",
}
ONE = struct.pack("<f", 1)
ZIPPED = archive({"data.pkl": whole(TREE), "data/0": ONE})


def read(name: str, data: bytes) -> dict[str, str] | None:
    return scalars(name, lambda: memoryview(data))


def test_pytorch() -> None:
    assert read("pytorch", ZIPPED) == SCALARS
    assert read("pytorch-legacy", legacy(TREE, {"0": (1, ONE)})) == SCALARS


def test_safetensors() -> None:
    header = json.dumps({"__metadata__": {"epoch": "3", "format": "pt"}}).encode()
    data = struct.pack("<Q", len(header)) + header
    assert read("safetensors", data) == {"__metadata__/epoch": "'3'", "__metadata__/format": "'pt'"}
    with pytest.raises(FormatError):
        read("safetensors", b"\x05" + bytes(12))


def test_an_opaque_file_is_never_read() -> None:
    assert scalars("opaque", lambda: pytest.fail("read")) is None


@given(broken(st.just(ZIPPED)))
def test_a_damaged_file_is_one_error(data: bytes) -> None:
    with suppress(FormatError):
        read("pytorch", data)


class Counted:
    """A format whose only scalar is the number of a file's bytes."""

    name = "counted"

    def matches(self, data: memoryview) -> bool:
        return True

    def locate(self, data: memoryview) -> Located:
        return Located(())

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        yield "bytes", str(len(data))
        if not data:
            raise KeyError("bytes")


class Plain:
    name = "plain"
    matches, locate = Counted.matches, Counted.locate


@pytest.fixture
def two_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = {"counted": Counted(), "plain": Plain()}
    monkeypatch.setattr(formats, "registry", lambda: registry)


@pytest.mark.usefixtures("two_formats")
def test_any_format_may_have_scalars() -> None:
    assert read("counted", b"four") == {"bytes": "4"}


@pytest.mark.usefixtures("two_formats")
def test_an_error_in_a_format_is_a_format_error() -> None:
    with pytest.raises(FormatError, match="counted fails: KeyError"):
        read("counted", b"")


@pytest.mark.usefixtures("two_formats")
def test_a_file_whose_format_has_no_scalars_is_never_read() -> None:
    assert scalars("plain", lambda: pytest.fail("read")) is None


def test_a_missing_format_has_no_scalars() -> None:
    assert scalars("not-installed", lambda: pytest.fail("read")) is None


def test_one_text_that_is_there_very_often_is_too_much() -> None:
    repeated = text("x" * 100_000) + b"q\0" + b"h\0" * 1000
    assert read("pytorch", archive({"data.pkl": whole(b"](" + text("x") + b"q\0" + b"h\0" * 1000 + b"e")}))
    with pytest.raises(FormatError, match="too many values"):
        read("pytorch", archive({"data.pkl": whole(b"](" + repeated + b"e")}))


def test_only_a_short_pickle_may_precede_the_main_one() -> None:
    data = legacy(TREE, {"0": (1, ONE)})
    long = data[: data.index(b".") + 1].replace(b"\x80\x02", b"\x80\x02" + b"N0" * 6000)
    with pytest.raises(FormatError, match="more than 10000 opcodes"):
        read("pytorch-legacy", long + data[data.index(b".") + 1 :])
