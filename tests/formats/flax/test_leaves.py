"""Trees of MessagePack: every kind of value, and damaged ones."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from git_theta.errors import FormatError
from git_theta.formats.flax.leaves import BYTES, EXTENSION, NUMBER, TEXT, leaves, number_of

keys = st.text("abc", min_size=1)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.binary(max_size=300)
    | st.builds(msgpack.ExtType, st.integers(0, 127), st.binary(max_size=300)),
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=20)
    ),
    max_leaves=20,
)


def flat(value: object, path: str = "") -> dict[str, object]:
    if not isinstance(value, dict | list):
        return {path: value}
    found: dict[str, object] = {}
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        found |= flat(inner, f"{path}/{key}" if path else str(key))
    return found


@given(values)
@settings(max_examples=60)
def test_leaves_are_those_of_the_library(value: object) -> None:
    data = memoryview(msgpack.packb(value))
    found: dict[str, object] = {}
    for leaf in leaves(data):
        content = data[leaf.content : leaf.end]
        assert msgpack.unpackb(data[leaf.start : leaf.end]) is not Ellipsis
        if leaf.kind == NUMBER:
            found[leaf.path] = number_of(data[leaf.start], content)
        elif leaf.kind == TEXT:
            found[leaf.path] = str(content, "utf-8")
        elif leaf.kind == BYTES:
            found[leaf.path] = bytes(content)
        else:
            assert leaf.kind == EXTENSION
            found[leaf.path] = msgpack.ExtType(leaf.code, bytes(content))
    assert found == flat(value)


def test_half_precision_and_long_lengths() -> None:
    data = memoryview(
        msgpack.packb([0.5, "x" * 70_000, b"y" * 70_000, list(range(70_000))], use_single_float=True)
    )
    found = list(leaves(data))
    assert number_of(data[found[0].start], data[found[0].content : found[0].end]) == 0.5
    assert [len(found), *(each.end - each.content for each in found[1:3])] == [70_003, 70_000, 70_000]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "ends before a value"),
        (b"\x81\xa1a", "ends before a value"),
        (b"\xda\xff", "ends inside a value"),
        (b"\xdb\xff\xff\xff\xffabc", "ends inside a value"),
        (b"\x81\xa5a", "ends inside a key"),
        (b"\xc7\x05", "ends before a value"),
        (b"\xdf\xff\xff\xff\xff", "ends before a value"),
        (b"\xc1", "no value begins"),
        (b"\x01\x01", "1 bytes follow"),
        (b"\x81\xc0\x01", "neither a text nor"),
        (b"\x81\xa1\xff\x01", "UTF-8"),
        (b"\x91" * 200 + b"\x01", "nested more than"),
        (b"\xdd\xff\xff\xff\xff" + b"\x01" * 400_000, "more values"),
        (b"\x81\xda\x27\x10" + b"x" * 10_000 + b"\x01", "longer names"),
    ],
)
def test_damaged_trees(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        list(leaves(memoryview(data)))
