"""Checks of derivations."""

from __future__ import annotations

import pytest

from git_theta.lineage.checks import CheckedModel, frozen_problems, relation_problems
from git_theta.model.tensor import TensorSpec
from tests.helpers.manifests import A, B, C, entry, manifest

WIDE = TensorSpec("F32", (64, 64))
INT8 = TensorSpec("I8", (64, 64))


def model(name: str, **parameters: tuple[str, TensorSpec]) -> CheckedModel:
    entries = (entry(key, digest, spec=spec) for key, (digest, spec) in parameters.items())
    return CheckedModel(name, (manifest(*entries),))


BASE = model("base", a=(A, WIDE), b=(B, WIDE))


def told(relation: str, child: CheckedModel, *parents: CheckedModel) -> list[str]:
    return list(relation_problems(relation, child, parents, len(parents)))


def test_frozen_parameters() -> None:
    child = model("child", a=(A, WIDE), b=(C, WIDE))
    assert list(frozen_problems(["a"], child, [BASE])) == []
    assert list(frozen_problems(["b", "x*"], child, [BASE])) == [
        "not frozen, as it's said: b",
        "frozen 'x*' is no parameter's name",
    ]
    assert list(frozen_problems(["b"], child, [BASE, model("other", b=(C, WIDE))])) == []


@pytest.mark.parametrize(
    ("relation", "child", "problem"),
    [
        ("finetune", model("c", a=(C, WIDE), b=(B, WIDE)), ""),
        ("finetune", model("c", a=(C, WIDE), b=(B, WIDE), head=(C, TensorSpec("F32", (64, 2)))), ""),
        ("finetune", model("c", a=(C, TensorSpec("BF16", (64, 64))), b=(B, WIDE)), ""),
        ("finetune", model("c", x=(C, WIDE)), "no fine-tune of base: 0%"),
        ("finetune", BASE, "equal to base: nothing is tuned"),
        ("merge", model("c", a=(C, WIDE), b=(C, WIDE)), "a merge of one model"),
        ("adapter", model("c", a=(C, TensorSpec("F32", (64, 4)))), ""),
        ("adapter", model("c", a=(C, WIDE), b=(C, WIDE)), "no adapter of base: it has 100%"),
        ("quantized", model("c", a=(C, INT8), scale=(A, TensorSpec("F32", (64,)))), ""),
        ("quantized", model("c", a=(C, WIDE)), "no quantisation of base: it has the same dtypes, F32"),
        ("extended", model("c", a=(A, WIDE)), "no extension of base"),
        ("pruned", model("c", a=(A, WIDE)), ""),
        ("pruned", model("c", a=(A, WIDE), b=(B, WIDE), x=(C, WIDE)), "not pruned: it's larger than base"),
        ("distilled", model("c", x=(C, WIDE)), ""),
        ("of my own", model("c", x=(C, WIDE)), ""),
    ],
)
def test_relations(relation: str, child: CheckedModel, problem: str) -> None:
    found = told(relation, child, BASE)
    assert [problem in each for each in found] == ([True] if problem else [])


def test_a_merge() -> None:
    child = model("c", a=(C, WIDE), b=(C, WIDE))
    assert told("merge", child, BASE, model("other", a=(B, WIDE), b=(A, WIDE))) == []
    assert "no merge of odd: 0%" in told("merge", child, BASE, model("odd", x=(B, WIDE)))[0]
