"""Ranks and scales of LoRA adapters by their settings."""

from __future__ import annotations

import math
from typing import Any

import pytest

from git_theta.adapters.lora_settings import lora_settings
from git_theta.errors import UsageError


@pytest.mark.parametrize(
    ("config", "module", "rank", "scale"),
    [
        ({"r": 4, "lora_alpha": 6}, "l.q", 4, 1.5),
        ({"r": 4, "lora_alpha": 6, "use_rslora": True}, "l.q", 4, 3),
        ({"r": 4, "lora_alpha": 6, "rank_pattern": {"q": 2}}, "l.q", 2, 3),
        ({"r": 4, "lora_alpha": 6, "rank_pattern": {"q": 2}}, "l.seq", 4, 1.5),
        ({"r": 4, "lora_alpha": 6, "alpha_pattern": {"l\\.\\d+\\.q": 8}}, "model.l.13.q", 4, 2),
        ({"r": 4, "lora_alpha": 6, "alpha_pattern": {"^l.q": 8}}, "l.q", 4, 2),
        ({}, "l.q", 8, 1),
    ],
)
def test_the_scale(config: dict[str, Any], module: str, rank: int, scale: float) -> None:
    assert lora_settings(config).scale(module, rank) == scale


def test_another_rank_than_the_settings_say() -> None:
    with pytest.raises(UsageError, match="have rank 5, not 4"):
        lora_settings({"r": 4}).scale("l.q", 5)


@pytest.mark.parametrize(
    "config",
    [
        {"r": "4"},
        {"lora_alpha": True},
        {"lora_alpha": math.inf},
        {"rank_pattern": [1]},
        {"alpha_pattern": {"q": "x"}},
    ],
)
def test_settings_that_are_none(config: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="must be"):
        lora_settings(config)


@pytest.mark.parametrize("pattern", ["(a+)+b", "(", "a*a*a*a*b", "x" * 600 + "."])
def test_patterns_that_would_take_too_long_or_are_none(pattern: str) -> None:
    with pytest.raises(UsageError, match="pattern"):
        lora_settings({"alpha_pattern": {pattern: 1}}).scale("a" * 400, 8)
