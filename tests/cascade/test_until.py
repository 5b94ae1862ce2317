"""Conditions that end a branch of a cascade."""

from __future__ import annotations

import math

import pytest

from git_theta.cascade.until import StepFacts, parse_until
from git_theta.errors import UsageError

FACTS = StepFacts(
    "sst2/model.safetensors", "finetune", 2, 0.75, 3.5, {"accuracy": 0.75, "f1-macro": 0.5, "loss": math.nan}
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("depth >= 2", True),
        ("depth > 2", False),
        ("1 < depth <= 2", True),
        ("3 < depth <= 2", False),
        ("accuracy < 0.8", True),
        ("value == 0.75", True),
        ("metrics['f1-macro'] != 0.5", False),
        ("relation == 'finetune'", True),
        ("relation in ('merge', 'quantized')", False),
        ("relation not in ['merge']", True),
        ("path == 'sst2/model.safetensors' and not depth == 1", True),
        ("accuracy < 0.5 or seconds > 3", True),
        ("depth > -1", True),
    ],
)
def test_a_condition(text: str, holds: bool) -> None:
    assert parse_until(text).holds(FACTS) is holds


@pytest.mark.parametrize("value", ["unknown", "loss"])
def test_values_that_arent_known_decide_nothing(value: str) -> None:
    """A test that gave no number must not end a branch, neither by a comparison nor by its opposite."""
    assert not parse_until(f"{value} < 1").holds(FACTS)
    assert not parse_until(f"not {value} < 1").holds(FACTS)
    assert not parse_until(f"{value} in (1, 2)").holds(FACTS)
    assert not parse_until(f"{value} not in (1, 2)").holds(FACTS)
    assert not parse_until(f"{value} < 1 and depth == 2").holds(FACTS)
    assert parse_until(f"{value} < 1 or depth == 2").holds(FACTS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "depth",
        "depth >",
        "True",
        "depth == True",
        "__import__('os').system('true')",
        "(lambda: 1)() == 1",
        "depth.real == 1",
        "[x for x in (1,)] == 1",
        "depth == 1 if 1 else 2",
        "(depth := 1) == 1",
        "relation < 'x'",
        "relation == 1",
        "depth is 1",
        "depth in 5",
        "depth in ('a',)",
        "metrics == 1",
        "metrics[depth] == 1",
        "9**9**9 == 1",
        "f'{depth}' == 'x'",
        "not " * 2000 + "depth == 1",
        "(" * 400 + "depth" + ")" * 400,
        "depth == 1\x00",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_until(text)
