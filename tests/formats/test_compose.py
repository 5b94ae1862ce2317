"""Merges of what isn't a parameter's value, in safetensors files; and the rules that all formats share."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import ThetaError
from git_theta.formats.base import ComposeError, FileVersion
from git_theta.formats.compose import compose_file
from git_theta.formats.pytorch.nodes import Dict, Global, Object
from git_theta.formats.pytorch.pickler import write_pickle
from git_theta.formats.pytorch.unpickle_inert import read_pickle
from git_theta.formats.threeway import ThreeWay, merged_order
from tests.helpers import pickled
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.composing import merged, opened

safetensors = pytest.importorskip("safetensors.numpy")


def numbers(*shape: int, dtype: str = "f4") -> np.ndarray:
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


def header(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return found


def test_both_add_and_one_changes_metadata() -> None:
    base = {"a": numbers(2), "c": numbers(3)}
    ours, theirs = base | {"b": numbers(1, 2)}, base | {"d": numbers(4, dtype="i8"), "a": numbers(2) + 1}
    files = (
        safetensors.save(base, {"epoch": "1", "format": "pt", "old": "x"}),
        safetensors.save(ours, {"epoch": "1", "format": "pt", "ours": "1", "old": "x"}),
        safetensors.save(theirs, {"epoch": "2", "format": "pt"}),
    )
    data, made = merged(*files)
    assert made.conflicts == ()
    found = safetensors.load(data)
    assert {name: value.tolist() for name, value in found.items()} == {
        "a": [1, 2],
        "b": [[0, 1]],
        "c": [0, 1, 2],
        "d": [0, 1, 2, 3],
    }
    assert header(data)["__metadata__"] == {"epoch": "2", "format": "pt", "ours": "1"}


def test_the_order_of_the_library_is_kept() -> None:
    base = {"z": numbers(3), "y": numbers(1, dtype="f8")}
    ours, theirs = base | {"m": numbers(2, dtype="f2")}, base | {"b": numbers(2), "n": numbers(2, dtype="u1")}
    data, _ = merged(*map(safetensors.save, (base, ours, theirs)))
    assert data == safetensors.save(ours | theirs)


def test_an_order_of_ones_own_is_kept() -> None:
    base = {"z": numbers(3), "a": numbers(1)}
    ours = {"z": numbers(3), "x": numbers(2), "a": numbers(1)}
    theirs = {"z": numbers(3), "b": numbers(2), "a": numbers(1), "end": numbers(1)}
    data, _ = merged(*map(safetensors_bytes, (base, ours, theirs)))
    assert list(header(data)) == ["z", "x", "b", "a", "end"]
    assert len(safetensors.load(data)) == 5


def test_conflicts_are_named_and_can_be_decided() -> None:
    files = [safetensors_bytes({"a": numbers(2)}, {"k": value, "n": "1"}) for value in "abc"]
    data, made = merged(*files)
    assert made.conflicts == ("__metadata__/k",)
    assert header(data)["__metadata__"]["k"] == "b"
    data, made = merged(*files, prefer={"__metadata__/k": 1}.get)
    assert made.conflicts == ()
    assert header(data)["__metadata__"]["k"] == "c"


def test_without_a_base() -> None:
    data, made = merged(
        None, safetensors_bytes({"a": numbers(2)}, {"k": "1"}), safetensors_bytes({"b": numbers(3)})
    )
    assert made.conflicts == ()
    assert header(data)["__metadata__"] == {"k": "1"}
    assert sorted(safetensors.load(data)) == ["a", "b"]


def test_a_large_header_is_a_stretch() -> None:
    base = {"a": numbers(2)}, {"text": "x" * (1 << 20)}
    ours = base[0] | {"b": numbers(1)}
    files = (
        safetensors_bytes(*base),
        safetensors_bytes(ours, base[1]),
        safetensors_bytes(base[0], {"n": "2"}),
    )
    assert not merged(*files)[1].stretches
    files = (
        safetensors_bytes(*base),
        safetensors_bytes(ours, base[1]),
        safetensors_bytes(base[0], base[1] | {"n": "2"}),
    )
    data, made = merged(*files)
    assert list(made.stretches) == [".bytes/0"]
    assert header(data)["__metadata__"]["n"] == "2"


def test_a_shape_that_no_side_has() -> None:
    file = safetensors_bytes({"a": numbers(2)})
    other = opened(safetensors_bytes({"a": numbers(3)}))
    with pytest.raises(ComposeError, match="no side has"):
        merged(file, file, file, values=other.values)


def test_formats_that_cannot() -> None:
    file = opened(b"no checkpoint")
    assert file.format == "opaque"
    with pytest.raises(ComposeError, match="no way"):
        compose_file("opaque", None, [file.version, file.version], {})


@given(st.lists(st.integers(0, 9), unique=True), st.lists(st.integers(0, 9), unique=True))
def test_an_order_has_all_keys_once_and_keeps_the_first(ours: list[int], theirs: list[int]) -> None:
    found = merged_order(ours, theirs)
    assert sorted(found) == sorted({*ours, *theirs})
    assert [key for key in found if key in ours] == ours


def test_additions_follow_what_they_followed() -> None:
    assert merged_order("axb", "ayzb") == ["a", "x", "y", "z", "b"]
    assert merged_order("ab", "yabz") == ["y", "a", "b", "z"]


@given(st.integers(0, 2), st.lists(st.integers(0, 2), min_size=2, max_size=3))
def test_the_rule(base: int, values: list[int]) -> None:
    rule = ThreeWay(lambda _name: None)
    chosen = values[rule.choose("x", base, values)]
    changed = {value for value in values if value != base}
    assert bool(rule.conflicts) == (len(changed) > 1)
    if not rule.conflicts:
        assert chosen == next(iter(changed), base)


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=4),
    st.binary(max_size=4),
)


@given(
    st.recursive(LEAVES, lambda inner: st.one_of(st.lists(inner), st.lists(inner).map(tuple)), max_leaves=20)
)
def test_pickles_are_what_python_reads(value: Any) -> None:
    import pickle

    assert pickle.loads(write_pickle(value)) == value


def test_pickled_objects_are_shared() -> None:
    import collections
    import pickle

    inner: list[Any] = [1 << 2100, *range(2500)]
    made = Object(Global("collections", "OrderedDict"), (), Dict([("note", inner)]), None, [("k", inner)])
    found = pickle.loads(write_pickle((made, made, inner)))
    assert isinstance(found[0], collections.OrderedDict)
    assert found[0] is found[1]
    assert found[0]["k"] is found[0].note is found[2]
    assert found[2] == inner


@pytest.mark.parametrize("name", ["a\nb", "a.b", "a\r"])
def test_names_that_would_change_a_pickle(name: str) -> None:
    with pytest.raises(ComposeError):
        write_pickle(Global("m", name))


@pytest.mark.parametrize(
    "content",
    [b"X\x02\0\0\0\xff\xfe", b"Va\\u0041\n", b"\x96" + bytes(8), b"(cm\nC\no", b"cm\nC\n)R}b}b"],
    ids=["text", "escape", "bytearray", "instance", "two states"],
)
def test_pickles_that_nodes_tell_too_little_of(content: bytes) -> None:
    assert not read_pickle(pickled.whole(content)).exact
    tree = pickled.mapping({"t": pickled.tensor(pickled.storage("0", 1), (1,)), "odd": content})
    file = pickled.legacy(tree, {"0": (1, bytes(4))})
    with pytest.raises(ComposeError, match="written again"):
        merged(file, file, file)


def test_many_nested_twins_take_no_time() -> None:
    twins = b"]q\0"
    for index in range(60):
        twins = b"(" + twins + b"h" + bytes([index]) + b"lq" + bytes([index + 1])
    tree = pickled.mapping({"t": pickled.tensor(pickled.storage("0", 1), (1,)), "twins": twins})
    file = pickled.legacy(tree, {"0": (1, bytes(4))})
    merged(file, file, file)


@given(st.data())
def test_damaged_versions_give_an_error_or_a_merge(data: st.DataObject) -> None:
    tensor = pickled.tensor(pickled.storage("0", 2), (2,))
    tree = pickled.mapping(
        {"t": tensor, "n": pickled.number(7), "c": pickled.call("collections", "OrderedDict")}
    )
    file = opened(pickled.legacy(tree, {"0": (2, bytes(8))}))
    damaged = bytearray(file.version.skeleton)
    at = data.draw(st.integers(0, len(damaged) - 9))
    damaged[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(b"()0qhb.tRQ")))
    other = FileVersion(file.version.layout, memoryview(damaged))
    specs = {name: spec for name, (spec, _) in file.values.items()}
    with contextlib.suppress(ThetaError):
        compose_file(file.format, file.version, [other, file.version], specs)
