"""Merges as mergekit writes them down."""

from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.lineage.sources.mergekit_config import mergekit_parents

pytest.importorskip("yaml")


def names(text: str) -> list[str]:
    parents = mergekit_parents(text.encode())
    assert all(parent.relation == "merge" for parent in parents)
    return [f"{parent.name}@{parent.revision}" if parent.revision else parent.name for parent in parents]


def test_models() -> None:
    assert names("base_model: org/base\nmodels:\n- model: a/b\n- model: org/base\n- model: c/d@v1\n") == [
        "org/base",
        "a/b",
        "c/d@v1",
    ]


def test_slices() -> None:
    text = (
        "slices:\n- sources:\n  - {model: a/b, layer_range: [0, 8]}\n- sources:\n  - {model: ./own+x/lora}\n"
    )
    assert names(text) == ["a/b", "./own"]


def test_names_as_mergekit_takes_them_apart() -> None:
    assert names("models: [{model: {model: {path: a/b, revision: v2}}}]") == ["a/b@v2"]


def test_other_files() -> None:
    assert [names(text) for text in ("", "[]", "models: 3", "models: [3]", "models: [{model: [x]}]")] == [
        []
    ] * 5
    with pytest.raises(UsageError, match="isn't YAML"):
        mergekit_parents(b"models: [")
