from __future__ import annotations

import collections
import contextlib
import datetime
import pickle
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import FormatError
from git_theta.formats.pickle import machine
from git_theta.formats.pickle.nodes import Bytes, Dict, Global, Object, PersistentId
from git_theta.formats.pickle.unpickle_inert import read_pickle
from tests.helpers.pickled import call, group, name, number, text, whole

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers())
        | st.frozensets(st.text())
    ),
    max_leaves=20,
)


def revive(node: Any, data: bytes) -> Any:
    """The value that a node of plain values describes."""
    match node:
        case Bytes(offset, size):
            return data[offset : offset + size]
        case Dict(pairs):
            return {revive(key, data): revive(value, data) for key, value in pairs}
        case Object(Global(_, "set" | "frozenset") as made_by, args):
            found = node.items or (args[0] if args else [])
            return {"set": set, "frozenset": frozenset}[made_by.name](revive(value, data) for value in found)
        case Object(Global("_codecs", "encode"), (value, encoding)):
            return value.encode(encoding)
        case Object(Global("builtins" | "__builtin__", "bytes"), ()):
            return b""
        case list() | tuple():
            return type(node)(revive(value, data) for value in node)
    return node


@given(plain, st.integers(2, 5))
def test_plain_values_are_described_as_they_are(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    found = read_pickle(data)
    assert found.end == len(data)
    assert revive(found.root, data) == value


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)), st.integers(0, 1))
def test_text_protocols_are_read(value: list[object], protocol: int) -> None:
    assert read_pickle(pickle.dumps(value, protocol)).root == value


@given(plain, st.integers(0, 5), st.data())
def test_a_broken_pickle_is_read_or_refused(value: object, protocol: int, draw: st.DataObject) -> None:
    data = bytearray(pickle.dumps(value, protocol))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    del data[draw.draw(st.integers(1, len(data))) :]
    with contextlib.suppress(FormatError):
        read_pickle(bytes(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(FormatError):
        read_pickle(memoryview(data))


class Shaped:
    """Pickled by protocol 2 as a call without arguments, then a state."""

    def __init__(self) -> None:
        self.size = 3


def test_an_object_is_described_and_not_made() -> None:
    node = read_pickle(pickle.dumps(Shaped(), 2)).root
    assert isinstance(node, Object)
    assert (node.callable.module, node.callable.name) == ("copyreg", "__newobj__") or node.args == ()
    assert node.state.pairs == [("size", 3)]


def test_calls_items_and_keys_are_kept() -> None:
    ordered = read_pickle(pickle.dumps(collections.OrderedDict(a=1, b=2), 4)).root
    assert ordered.callable.name == "OrderedDict"
    assert ordered.pairs == [("a", 1), ("b", 2)]
    queue = read_pickle(pickle.dumps(collections.deque([1, 2]), 4)).root
    assert queue.items == [1, 2]
    moment = read_pickle(pickle.dumps(datetime.date(2020, 1, 2), 4)).root
    assert isinstance(moment.args[0], Bytes)


def test_nothing_is_called(tmp_path: Any) -> None:
    target = tmp_path / "made"
    attack = call("os", "mkdir", text(str(target)))
    node = read_pickle(whole(attack)).root
    assert (node.callable.module, node.callable.name) == ("os", "mkdir")
    assert not target.exists()
    assert isinstance(read_pickle(whole(name("no.such.module", "thing"))).root, Global)


def test_persistent_ids_are_listed_in_order() -> None:
    found = read_pickle(whole(group(text("a") + b"Q", b"Pb\n")))
    assert [node.id for node in found.persistent] == ["a", "b"]
    assert all(isinstance(node, PersistentId) for node in found.root)


def test_old_opcodes() -> None:
    assert read_pickle(b"(I1\nI01\nS'a'\nVb\nF1.5\nL7L\nlp0\n0g0\n.").root == [1, True, "a", "b", 1.5, 7]
    instance = read_pickle(b"(I1\nimodule\nName\n.").root
    assert (instance.callable.name, instance.args) == ("Name", (1,))
    built = read_pickle(b"(cmodule\nName\nI1\no}b.").root
    assert (built.callable.name, built.args, built.state.pairs) == ("Name", (1,), [])
    assert read_pickle(b"(K\x01K\x021K\x03.").root == 3


def test_keys_that_cannot_be_hashed_and_cycles() -> None:
    assert read_pickle(b"}]Ns.").root.pairs == [([], None)]
    cycle = read_pickle(b"]q\x00h\x00a.").root
    assert cycle[0] is cycle


def test_shared_tuples_as_a_key_are_not_hashed() -> None:
    doubled = b")" + b"q\x00h\x00\x86" * 500  # two to the power of 500 leaves
    assert len(read_pickle(b"}" + doubled + b"Ns.").root.pairs) == 1


def test_lengths_that_lie_are_refused() -> None:
    for code in (b"X\xff\xff\xff\xff", b"\x8d" + b"\xff" * 8, b"\x8e" + b"\xff" * 8, b"\x8b\xff\xff\xff\x7f"):
        with pytest.raises(FormatError):
            read_pickle(code + b"abc.")
    with pytest.raises(FormatError):
        read_pickle(b"\x8b\xfe\xff\xff\xff.")
    with pytest.raises(FormatError):
        read_pickle(b"I" + b"9" * 5000 + b"\n.")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"N",
        b".",
        b"0.",
        b"t.",
        b"\x80\x06N.",
        b"\x82\x01.",  # an extension code
        b"\x97.",  # an out-of-band buffer
        b"h\x01.",
        b"NNa.",
        b"NNNs.",
        b"](NNu.",
        b"}(Nu.",
        b"NNR.",
        b"N}b.",
        b"NN\x93.",
        b"(o.",
        b"N)N\x92.",
        b"cmodule",
        b"Snoquotes\n.",
        b"Iabc\n.",
    ],
)
def test_damaged_pickles_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_pickle(data)


def test_there_is_a_bound_on_opcodes() -> None:
    with pytest.raises(FormatError, match="more than 100 opcodes"):
        read_pickle(b"N" * 101, most=100)


def test_there_is_a_bound_on_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MAX_TEXT", 10)
    assert read_pickle(text("x" * 10) + b".").root == "x" * 10
    with pytest.raises(FormatError, match="more than 10 bytes of text"):
        read_pickle(text("x" * 5) + text("x" * 6) + b".")


@pytest.mark.parametrize("opcode", [b"I", b"L", b"Np", b"g"])
def test_integers_in_text_have_a_bound_on_digits(opcode: bytes) -> None:
    with pytest.raises(FormatError, match="an integer of 4001 digits"):
        read_pickle(opcode + b"1" * 4001 + b"\n.")


def test_deep_nesting_needs_no_recursion() -> None:
    node = read_pickle(b")" + b"\x85" * 100_000 + b".").root
    for _ in range(100_000):
        (node,) = node
    assert node == ()


def test_a_pickle_may_start_anywhere() -> None:
    found = read_pickle(memoryview(b"xx" + whole(number(-3)) + b"yy"), 2)
    assert (found.root, found.end) == (-3, 2 + len(whole(number(-3))))


def test_text_that_is_not_utf8_becomes_text() -> None:
    assert read_pickle(b"U\x02a\xff.").root == "a\\xff"
    surrogate = "\ud800".encode("utf-8", "surrogatepass")
    read_pickle(b"X" + struct.pack("<I", 3) + surrogate + b".").root.encode("utf-8")
