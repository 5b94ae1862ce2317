"""Fingerprints of trees: equal for equal trees, across versions."""

from __future__ import annotations

import math
from typing import Any

import pytest

from git_theta.formats.base import ComposeError
from git_theta.formats.pickle.nodes import Bytes, Dict, Global, Object, PersistentId
from git_theta.formats.pytorch import fingerprints
from git_theta.formats.pytorch.fingerprints import MAX_DEPTH, Fingerprints
from git_theta.formats.pytorch.version_tree import VersionTree


def version(storage: bytes = b"abcd", pickle: bytes = b"pickle") -> VersionTree:
    """A version without tensors, whose only storage `0` is the whole file."""
    data = memoryview(storage)
    return VersionTree(None, pickle, data, {"0": (0, len(data))}, [(0, len(data))], False, {}, {}, {}, {})


def same(one: Any, other: Any, first: VersionTree | None = None, second: VersionTree | None = None) -> bool:
    prints = Fingerprints()
    first, second = first or version(), second or version()
    return prints.of(first, one) == prints.of(second, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, "a", None], [1, "a", None]),
        (Dict([("a", 1)]), Dict([("a", 1)])),
        (math.nan, math.nan),
        (Object(Global("m", "C"), (1,), state=Dict([])), Object(Global("m", "C"), (1,), state=Dict([]))),
        (Bytes(0, 2), Bytes(0, 2)),
    ],
)
def test_equal_trees(one: Any, other: Any) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1], (1,)),
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        (Dict([("a", 1), ("b", 2)]), Dict([("b", 2), ("a", 1)])),
        (Object(Global("m", "C"), ()), Object(Global("m", "C"), (), new=True)),
        (Object(Global("m", "C"), (), items=[]), Object(Global("m", "C"), ())),
        (Bytes(0, 2), Bytes(1, 2)),
    ],
)
def test_other_trees(one: Any, other: Any) -> None:
    assert not same(one, other)


def test_storages_are_compared_by_their_bytes() -> None:
    one, other = (PersistentId(("storage", Global("torch", "ByteStorage"), "0", "cpu", 4)) for _ in range(2))
    assert same(one, other, version(b"abcd"), version(b"abcd"))
    assert not same(one, other, version(b"abcd"), version(b"abce"))


def test_trees_that_contain_themselves() -> None:
    one: list[Any] = [1]
    one.append(one)
    other: list[Any] = [1]
    other.append(other)
    assert same(one, other)


def test_a_deep_tree_is_refused() -> None:
    node: list[Any] = []
    for _ in range(MAX_DEPTH + 1):
        node = [node]
    with pytest.raises(ComposeError, match="too deep"):
        Fingerprints().of(version(), node)


def test_references_outside_the_file_are_refused() -> None:
    with pytest.raises(ComposeError, match="outside"):
        Fingerprints().of(version(), PersistentId("elsewhere"))


def test_a_small_pickle_may_not_have_very_many_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "_SMALL", 10)
    side = version(pickle=b"x" * 50)
    assert Fingerprints().of(side, [0] * 19) == Fingerprints().of(side, [0] * 19)
    with pytest.raises(ComposeError, match="too large to be merged"):
        Fingerprints().of(side, [0] * 20)
