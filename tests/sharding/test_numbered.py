"""Shards that are told by their names."""

from __future__ import annotations

import pytest

from git_theta.sharding.numbered import numbered_models, shard_number


@pytest.mark.parametrize(
    ("name", "model", "number", "count"),
    [
        ("model-00001-of-00003.safetensors", "model.safetensors", 1, 3),
        ("pytorch_model-00002-of-00002.bin", "pytorch_model.bin", 2, 2),
        ("llama-3-q4-00001-of-00009.gguf", "llama-3-q4.gguf", 1, 9),
        ("model-00001-of-000163.safetensors", "model.safetensors", 1, 163),
        ("m-00001-of-00002.fp16.safetensors", "m.fp16.safetensors", 1, 2),
        ("m.fp16-00001-of-00002.safetensors", "m.fp16.safetensors", 1, 2),
        ("model.safetensors-00001-of-00002", "model.safetensors", 1, 2),
    ],
)
def test_a_number_in_a_name(name: str, model: str, number: int, count: int) -> None:
    found = shard_number(name)
    assert found
    assert (found.model, found.number, found.count) == (model, number, count)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "consolidated.00.pth", "-of-.bin", "one-of-two.bin", "of-1-of.bin"]
)
def test_a_name_without_a_number(name: str) -> None:
    assert shard_number(name) is None


@pytest.mark.parametrize(
    ("numbers", "count", "problem"),
    [
        ((1, 2, 3), 3, ""),
        ((0, 1, 2), 3, ""),
        ((0, 1, 2), 2, ""),
        ((1, 3), 3, "shard 2 of 3 isn't there"),
        ((5,), 5, "shard 1, 2, 3, … of 5 isn't there"),
        ((1, 2, 4), 2, "there's a shard 4 of 2"),
    ],
)
def test_shards_are_whole_or_not(numbers: tuple[int, ...], count: int, problem: str) -> None:
    names = [f"m-{number}-of-{count}.gguf" for number in numbers]
    (model,) = numbered_models(reversed(names), ())
    assert model.name == "m.gguf"
    assert model.files == tuple(names)
    assert problem in model.problem
    assert bool(problem) == bool(model.problem)


def test_one_number_written_in_two_ways() -> None:
    (model,) = numbered_models(["m-1-of-2.bin", "m-01-of-2.bin", "m-2-of-2.bin"], ())
    assert "two shards have one number" in model.problem


def test_a_single_shard_is_a_file_that_stands_alone() -> None:
    assert not list(numbered_models(["m-00001-of-00001.gguf"], ()))


def test_two_sets_of_one_model_have_two_names() -> None:
    names = ["m-1-of-2.bin", "m-2-of-2.bin", "m-1-of-3.bin", "m-2-of-3.bin", "m-3-of-3.bin"]
    assert [each.name for each in numbered_models(names, ())] == ["m.bin", "m-*-of-3.bin"]
    assert [each.name for each in numbered_models(names[:2], ["m.bin"])] == ["m-*-of-2.bin"]
