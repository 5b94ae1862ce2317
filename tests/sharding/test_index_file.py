"""The index of a model's shards."""

from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.sharding import index_file
from git_theta.sharding.index_file import (
    false_claims,
    indexed_name,
    is_index_name,
    parse_index,
    unlisted_parameters,
)


@pytest.mark.parametrize(
    ("index", "model"),
    [
        ("model.safetensors.index.json", "model.safetensors"),
        ("diffusion_pytorch_model.safetensors.index.fp16.json", "diffusion_pytorch_model.fp16.safetensors"),
        ("model.index.json", "model"),
    ],
)
def test_the_name_of_the_model(index: str, model: str) -> None:
    assert is_index_name(f"a.b/{index}")
    assert indexed_name(index) == model


@pytest.mark.parametrize("name", ["config.json", "index.json", "model.safetensors", "a.index.json/b"])
def test_other_names(name: str) -> None:
    assert not is_index_name(name)


def test_content() -> None:
    index = parse_index(b'{"metadata": {"total_size": 12}, "weight_map": {"b": "2", "a": "1"}}', "i")
    assert index.shards == ["1", "2"]
    assert index.total_size == 12
    assert parse_index(b'{"metadata": {"total_size": "1"}, "weight_map": {"b": "2"}}', "i").total_size is None


def test_claims() -> None:
    index = parse_index(b'{"weight_map": {"a": "1", "b": "2", "c": "2"}}', "i")
    assert false_claims(index, {"a": "1", "b": "1", "d": "2"}) == [
        "'b' is in 2, but it's in 1",
        "'c' is in 2, but no shard has it",
    ]
    assert unlisted_parameters(index, {"a": "1", "b": "1", "d": "2"}) == ["d"]
    # The shards have other names for all parameters.
    assert not false_claims(index, {"state/a": "1"})
    assert not unlisted_parameters(index, {"state/a": "1"})


def test_a_large_index_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_file, "MAX_INDEX", 100)
    with pytest.raises(UsageError, match="larger than"):
        parse_index(b'{"weight_map": {"a": "b"}}' + b" " * 100, "m")


def test_a_deep_index_is_refused() -> None:
    deep = b"[" * 900 + b"]" * 900
    with pytest.raises(UsageError, match="more than 30 levels deep"):
        parse_index(b'{"weight_map": {"a": "b"}, "metadata": {"x": %s}}' % deep, "m")
