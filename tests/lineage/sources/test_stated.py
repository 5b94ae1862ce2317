"""Names of parents."""

from __future__ import annotations

import pytest

from git_theta.lineage.sources.stated import StatedParent, as_name


@pytest.mark.parametrize(
    ("name", "revision", "uri"),
    [
        ("org/model-7B", "", "hf:org/model-7B"),
        ("gpt2", "main", "hf:gpt2@main"),
        ("org/model", "a b", "hf:org/model"),
        ("/data/llama", "main", "elsewhere:/data/llama"),
        ("../llama", "", "elsewhere:../llama"),
        ("a/b/c", "", "elsewhere:a/b/c"),
    ],
)
def test_uris(name: str, revision: str, uri: str) -> None:
    assert StatedParent(name, "finetune", revision).uri == uri


def test_what_is_a_name() -> None:
    assert as_name("  org/model ") == "org/model"
    assert [as_name(value) for value in (None, 3, ["x"], "", " ", "x" * 401)] == [""] * 6
