"""mergekit's methods as strategies."""

from __future__ import annotations

import dataclasses

import pytest

from git_theta.combine.mergekit.methods import METHODS
from git_theta.strategies import registry
from git_theta.strategies.option_text import parse_options


@pytest.mark.parametrize("name", METHODS)
def test_strategies_have_the_options(name: str) -> None:
    method = METHODS[name]
    strategy = registry().get(method.strategy)
    options = {field.name for field in dataclasses.fields(strategy.options)}
    assert {each.option for each in method.parameters.values() if each.option} <= options
    shared = {key: each.kind(1) for key, each in method.parameters.items() if not each.per_model}
    per_model = {
        key: [0.5, 0.25][: method.most or 2] for key, each in method.parameters.items() if each.per_model
    }
    rule = method.rule(shared, per_model, has_base=True)
    parse_options(strategy, dict(rule.options))
    assert rule.all_parameters


@pytest.mark.parametrize(
    ("given", "vectors"),
    [
        ({}, "whole"),
        ({"nuslerp_flatten": False}, "last"),
        ({"nuslerp_flatten": False, "nuslerp_row_wise": True}, "first"),
        ({"nuslerp_row_wise": True}, "whole"),
    ],
)
def test_vectors_of_nuslerp(given: dict[str, bool], vectors: str) -> None:
    rule = METHODS["nuslerp"].rule(given, {"weight": [1.0, 2.0]}, has_base=False)
    assert dict(rule.options) == {"vectors": vectors, "weights": "1.0,2.0"}
    assert dict(METHODS["nuslerp"].rule(given, {}, has_base=True).options)["changes"] == "true"
