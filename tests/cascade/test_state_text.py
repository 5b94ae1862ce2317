"""Texts of states of cascades."""

from __future__ import annotations

import math

import pytest

from git_theta.cascade.plan import CascadeRequest, CascadeStep
from git_theta.cascade.state import CascadeOptions, CascadeState, MetricChange, StepState
from git_theta.cascade.state_text import finite, parse_state, state_text
from git_theta.errors import ThetaError

STEP = StepState(
    CascadeStep(
        ("a\udcff.pt", "b.pt"), "command", ("base",), (), ("base",), "finetune", 1, ("python", "x"), "d", 1.5
    ),
    "made",
    "no problem",
    "a note",
    2.5,
    {"b.pt": (MetricChange("acc", None, 0.5, "low"),)},
    ("100644 0 0\ta\udcff.pt",),
    {"b.pt": "blake3:1"},
)
STATE = CascadeState(
    CascadeRequest(("base",), ("b.pt",), ("*",), ("c",), "depth > 1", True),
    CascadeOptions("each", 0.5, 2, 60.0),
    "refs/heads/main",
    "1",
    "2",
    (STEP,),
    {"c": "skipped"},
    True,
)


def test_a_text_and_back() -> None:
    assert parse_state(state_text(STATE), "s") == STATE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"version": 1}',
        b"[" * 100_000,
        state_text(STATE).replace(b'"steps"', b'"others"'),
        state_text(STATE).replace(b'"models"', b'"other"'),
        state_text(STATE)[:-20],
    ],
)
def test_other_texts(data: bytes) -> None:
    with pytest.raises(ThetaError, match="isn't the state of a cascade"):
        parse_state(data, "s")


def test_another_version() -> None:
    with pytest.raises(ThetaError, match="another version"):
        parse_state(state_text(STATE).replace(b'"version": 1', b'"version": 2'), "s")


def test_numbers_of_json() -> None:
    assert [finite(value) for value in (1.5, None, math.nan, math.inf)] == [1.5, None, None, None]
