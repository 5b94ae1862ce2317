"""Model cards."""

from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.lineage.sources.model_card import card_parents
from git_theta.lineage.sources.stated import StatedParent

pytest.importorskip("yaml")


def card(head: str) -> bytes:
    return f"---\n{head}\n---\n\n# A model\n---\nbase_model: no/head\n---\n".encode()


@pytest.mark.parametrize(
    ("head", "parents"),
    [
        ("base_model: org/base", [("org/base", "derived")]),
        ("base_model: org/base\nbase_model_relation: quantized", [("org/base", "quantized")]),
        ("base_model:\n- a/b\n- c/d\n- a/b", [("a/b", "merge"), ("c/d", "merge")]),
        ("base_model: [a/b]\nbase_model_relation: finetune\nlicense: mit", [("a/b", "finetune")]),
        ("base_model: a/b\nbase_model_relation: [x]", [("a/b", "derived")]),
        ("license: mit", []),
        ("base_model: null", []),
        ("base_model: {a: b}", []),
        ("- base_model", []),
    ],
)
def test_base_models(head: str, parents: list[tuple[str, str]]) -> None:
    assert card_parents(card(head)) == [StatedParent(*parent) for parent in parents]


def test_files_without_a_head() -> None:
    for data in (b"", b"# base_model: x", b"---\nbase_model: x\n", b"\xff\xfe---\n"):
        assert card_parents(data) == []


def test_lines_of_windows() -> None:
    assert card_parents(b"\xef\xbb\xbf---\r\nbase_model: a/b\r\n---\r\n") == [StatedParent("a/b", "derived")]


def test_heads_that_arent_yaml() -> None:
    for head in (
        "base_model: [",
        "base_model: a\nbase_model: b",
        "base_model: " + "[" * 3000,
        "base_model: !!float x",
    ):
        with pytest.raises(UsageError, match="isn't YAML"):
            card_parents(card(head))
    with pytest.raises(UsageError, match="larger than"):
        card_parents(card("base_model: x\n" + "#" * 70_000))
