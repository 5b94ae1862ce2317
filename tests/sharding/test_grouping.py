"""Models among files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pytest

from git_theta.errors import UsageError
from git_theta.sharding.grouping import group_files, group_folder, listed_models, main_model
from git_theta.sharding.parts import ModelParts

SHARDS = ("m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors")
INDEX = "m.safetensors.index.json"


def index_of(*shards: str) -> bytes:
    return json.dumps({"weight_map": {f"p{at}": shard for at, shard in enumerate(shards)}}).encode()


def grouped(names: Sequence[str], indexes: Mapping[str, bytes] = {}) -> list[ModelParts]:
    return group_folder(names, indexes, indexes.get)


def test_an_index_lists_files_of_any_name() -> None:
    found = grouped(["b.pt", "a.pt", "c.pt"], {"m.bin.index.json": index_of("b.pt", "a.pt")})
    assert found == [ModelParts("m.bin", ("a.pt", "b.pt"), "m.bin.index.json"), ModelParts("c.pt", ("c.pt",))]
    assert [each.title for each in found] == ["m.bin (2 shards)", "c.pt"]


def test_a_checkpoint_beside_its_shards_is_another_model() -> None:
    assert [each.name for each in grouped(["m.safetensors", *SHARDS])] == [
        "m-*-of-00002.safetensors",
        "m.safetensors",
    ]
    found = grouped(["m.safetensors", *SHARDS], {INDEX: index_of(*SHARDS)})
    assert [each.name for each in found] == [INDEX, "m.safetensors"]


def test_an_index_of_one_file() -> None:
    (found,) = grouped(["m.safetensors"], {INDEX: index_of("m.safetensors")})
    assert not found.is_sharded
    assert found.name == "m.safetensors"


def test_variants_have_names_of_their_own() -> None:
    shards = [name.replace(".", ".fp16.") for name in SHARDS]
    indexes = {INDEX: index_of(*SHARDS), "m.safetensors.index.fp16.json": index_of(*shards)}
    assert [each.name for each in grouped([*SHARDS, *shards], indexes)] == [
        "m.fp16.safetensors",
        "m.safetensors",
    ]


def test_of_two_indexes_with_a_shard_in_common_the_first_counts() -> None:
    found = grouped(SHARDS, {INDEX: index_of(*SHARDS), "n.bin.index.json": index_of(SHARDS[0])})
    assert [each.name for each in found] == ["m.safetensors"]


@pytest.mark.parametrize("text", [b"{", b"[]", b'{"weight_map": {"a": "../x"}}', b"\xff"])
def test_an_index_that_is_none(text: bytes) -> None:
    (found,) = grouped(SHARDS, {INDEX: text})
    assert found.files == SHARDS
    assert "isn't an index of shards" in found.problem


def test_an_index_that_names_missing_shards() -> None:
    (found,) = grouped(SHARDS[:1], {INDEX: index_of(*SHARDS, "x")})
    assert found.problem == f"{INDEX} names {SHARDS[1]} and 1 more, which isn't there"
    assert not group_files([], [INDEX], {INDEX: index_of(*SHARDS)}.get)


def test_folders_are_told_apart() -> None:
    paths = [f"{folder}/{name}" for folder in "ab" for name in SHARDS] + list(SHARDS[:1])
    found = group_files(paths, [f"a/{INDEX}", "a/config.json"], {f"a/{INDEX}": index_of(*SHARDS)}.get)
    assert [(each.name, bool(each.index)) for each in found] == [
        ("a/m.safetensors", True),
        ("b/m.safetensors", False),
        ("m.safetensors", False),
    ]
    assert found[2].problem == "m-*-of-00002.safetensors: shard 2 of 2 isn't there"


def test_the_main_model_of_a_folder() -> None:
    names = ["model.safetensors", "optimizer.pt", "README.md"]
    assert main_model(listed_models(names, {}.get), "f").name == "model.safetensors"
    with pytest.raises(UsageError, match=r"several checkpoints: a\.pt, b\.pt"):
        main_model(listed_models(["a.pt", "b.pt"], {}.get), "f")
    with pytest.raises(UsageError, match="no checkpoint"):
        main_model(listed_models(["README.md"], {}.get), "f")


def test_the_data_files_of_a_distributed_checkpoint() -> None:
    names = [".metadata", "__0_0.distcp", "__1_0.distcp"]
    model = main_model(listed_models(names, {}.get), "f")
    assert (model.name, model.files) == ("*.distcp", tuple(names[1:]))
    assert model.title == "*.distcp (2 shards)"


def test_a_distributed_checkpoint_of_one_process_in_its_folder() -> None:
    assert main_model(listed_models([".metadata", "__0_0.distcp"], {}.get), "f").files == ("__0_0.distcp",)
