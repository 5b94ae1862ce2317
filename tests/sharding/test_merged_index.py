"""The merge of an index of shards."""

from __future__ import annotations

import json
from typing import Any

import pytest

from git_theta.sharding.index_file import ShardIndex, parse_index
from git_theta.sharding.merged_index import index_bytes, merge_indexes


def index(places: dict[str, str], size: int | None = None, **more: Any) -> ShardIndex:
    metadata = {} if size is None else {"metadata": {"total_size": size, **more}}
    return parse_index(json.dumps({**metadata, "weight_map": places}).encode(), "i")


BASE = index({"a": "1", "b": "2"}, 8)


def test_both_sides_add_parameters() -> None:
    ours = index({"a": "1", "b": "2", "d": "1"}, 12)
    theirs = index({"a": "1", "b": "2", "c": "2"}, 24)
    sizes = [{"a": 4, "b": 4}, {"a": 4, "b": 4, "d": 4}, {"a": 4, "b": 4, "c": 16}]
    for known in (sizes, None):
        merged = merge_indexes(BASE, ours, theirs, known)
        assert not merged.conflicts
        assert merged.document == {
            "metadata": {"total_size": 28},
            "weight_map": {"a": "1", "b": "2", "c": "2", "d": "1"},
        }


def test_the_same_parameter_on_both_sides_counts_once() -> None:
    side = index({"a": "1", "b": "2", "c": "2"}, 24)
    sizes = [{"a": 4, "b": 4}, *2 * [{"a": 4, "b": 4, "c": 16}]]
    assert merge_indexes(BASE, side, side, sizes).document["metadata"] == {"total_size": 24}


def test_one_side_moves_and_the_other_removes() -> None:
    merged = merge_indexes(BASE, index({"a": "2", "b": "2"}, 8), index({"a": "1"}, 4))
    assert not merged.conflicts
    assert merged.document == {"metadata": {"total_size": 4}, "weight_map": {"a": "2"}}


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        ({"a": "2", "b": "2"}, {"a": "3", "b": "2"}, "'a': in 2 in ours, in 3 in theirs"),
        ({"b": "2"}, {"a": "2", "b": "2"}, "'a': nowhere in ours, in 2 in theirs"),
        ({"a": "1", "b": "2", "c": "1"}, {"a": "1", "b": "2", "c": "2"}, "'c': in 1 in ours, in 2 in theirs"),
    ],
)
def test_places_in_conflict(ours: dict[str, str], theirs: dict[str, str], reason: str) -> None:
    merged = merge_indexes(BASE, index(ours, 8), index(theirs, 8))
    assert merged.conflicts == (reason,)
    assert merged.document["weight_map"] == ours


def test_other_keys() -> None:
    merged = merge_indexes(
        index({"a": "1"}, 8, note="x"), index({"a": "1"}, 8, note="y"), index({"a": "1"}, 8, note="x", new=1)
    )
    assert merged.document["metadata"] == {"total_size": 8, "note": "y", "new": 1}
    merged = merge_indexes(None, index({"a": "1"}, 8, note="y"), index({"a": "1"}, 8, note="z"))
    assert merged.conflicts == ("metadata/note: changed to different values on both sides",)


@pytest.mark.parametrize(
    "like", ['{\n  "a": "ü"\n}\n', '{"a": "\\u00fc"}', '{\n    "a": 1\n}', '{"a":1}\n', '{ "a" : 1 }']
)
def test_the_style_is_kept(like: str) -> None:
    written = index_bytes(json.loads(like), like.encode()).decode()
    assert json.loads(written) == json.loads(like)
    if like not in ('{"a":1}\n', '{ "a" : 1 }'):
        assert written == like
