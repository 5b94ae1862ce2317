from __future__ import annotations

from git_theta.encoding.shards import group_shards, join_shards
from tests.helpers.manifests import manifest_named


def test_checkpoints_without_common_names_are_of_one_model() -> None:
    one, two, three = manifest_named("b", "d"), manifest_named("a", "c"), manifest_named("a", "e")
    assert group_shards([one, two, three]) == [[one, two], [three]]
    assert group_shards([]) == []


def test_joined_shards_have_all_parameters() -> None:
    one, two = manifest_named("b", "d"), manifest_named("a", "c")
    joined = join_shards([one, two])
    assert [entry.name for entry in joined.entries] == ["a", "b", "c", "d"]
    assert joined.by_name.keys() == {"a", "b", "c", "d"}
    assert join_shards([one]) is one
