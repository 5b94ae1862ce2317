"""Merges of Flax's checkpoints: maps, lists, numbers, and arrays that are added or removed."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
import pytest

from git_theta.formats.base import ComposeError
from git_theta.formats.flax.plugin import Flax
from git_theta.model.tensor import TensorSpec
from tests.helpers.composing import merged, opened
from tests.helpers.flax_files import flax_bytes


def array(*numbers: float) -> Any:
    return np.array(numbers, "f4")


def tree(**more: object) -> dict[str, object]:
    params = {"dense": {"kernel": array(1, 2), "bias": array(3)}, "empty": {}}
    return {"params": params, "step": 3, "rates": [0.5, array(4), {"a": 1}], "note": "x"} | more


BASE = flax_bytes(tree())


def test_a_merge_that_changes_nothing_gives_the_same_file() -> None:
    assert merged(BASE, BASE, BASE)[0] == BASE


@pytest.mark.parametrize("count", [15, 16, 300, 1 << 16])
def test_maps_and_lists_of_many_items(count: int) -> None:
    tree = {"many": [None] * count, "map": dict.fromkeys(range(min(count, 300))), "w": array(1)}
    version = opened(flax_bytes(tree)).version
    wanted = {"w": TensorSpec("F32", (1,))}
    data = Flax().compose(version, [version, version], wanted, lambda _name: None).data
    assert bytes(data)[:-4] == bytes(version.skeleton)[:-4]


def test_changes_of_both_sides() -> None:
    ours = tree(
        params={"dense": {"kernel": array(5, 6), "bias": array(3)}, "empty": {}, "new": {"w": array(7)}}
    )
    theirs = tree(step=4, added={"deep": {"b": array(8)}}, rates=[0.25, array(9), {"a": 1}])
    del theirs["note"]
    data, made = merged(BASE, flax_bytes(ours), flax_bytes(theirs))
    expected = ours | {"step": 4, "rates": theirs["rates"], "added": theirs["added"]}
    del expected["note"]
    assert (made.conflicts, data) == ((), flax_bytes(expected))


def test_parts_that_a_side_removes() -> None:
    ours = tree(params={"dense": {"kernel": array(1, 2)}})
    theirs = tree(params={"dense": {"kernel": array(5, 6), "bias": array(3)}, "empty": {}})
    data, made = merged(BASE, flax_bytes(ours), flax_bytes(theirs))
    assert (made.conflicts, data) == ((), flax_bytes(tree(params={"dense": {"kernel": array(5, 6)}})))


def test_conflicts() -> None:
    files = [flax_bytes(tree(step=step, note=note)) for step, note in ((3, "x"), (4, "y"), (5, "z"))]
    data, made = merged(*files)
    assert (made.conflicts, data) == (("step", "note"), files[1])
    assert merged(*files, prefer=lambda name: 1)[0] == files[2]
    assert {"step", "note"} <= dict(Flax().scalars(memoryview(BASE))).keys()


def test_lists_of_other_lengths_are_one_value() -> None:
    ours, theirs = flax_bytes(tree(rates=[0.5, 0.25])), flax_bytes(tree(step=4))
    assert merged(BASE, ours, theirs)[0] == flax_bytes(tree(rates=[0.5, 0.25], step=4))
    data, made = merged(BASE, flax_bytes(tree(rates=[])), flax_bytes(tree(rates=[1])))
    assert (made.conflicts, data) == (("rates",), flax_bytes(tree(rates=[])))


def test_an_array_becomes_a_number() -> None:
    ours, theirs = flax_bytes(tree(note=array(1))), flax_bytes(tree(step=4))
    assert merged(BASE, ours, theirs)[0] == flax_bytes(tree(note=array(1), step=4))
    assert merged(ours, BASE, flax_bytes(tree(note=array(1), step=4)))[0] == flax_bytes(tree(step=4))


def test_another_dtype_and_shape() -> None:
    ours = flax_bytes(tree(note=np.zeros((2, 2), "f2")))
    assert merged(flax_bytes(tree(note=array(1))), ours, flax_bytes(tree(note=array(1))))[0] == ours


def test_without_a_base() -> None:
    assert merged(None, BASE, flax_bytes(tree(new=array(1))))[0] == flax_bytes(tree(new=array(1)))


def test_what_cannot_be_written() -> None:
    values = opened(BASE).values
    other = {**values, "params/dense/bias": (TensorSpec("F16", (1,)), b"ab")}
    with pytest.raises(ComposeError, match=r"no side has a parameter 'params/dense/bias' of F16 \[1\]"):
        merged(BASE, BASE, BASE, values=other)
    twice = msgpack.packb({"a": 1, "b": 1, "w": 2}).replace(b"\xa1b", b"\xa1a")
    twice = twice[:-1] + flax_bytes({"w": array(1)})[3:]
    with pytest.raises(ComposeError, match="the key 'a' is repeated"):
        merged(twice, twice, twice)
