"""Rules that leave equal models as they are."""

from __future__ import annotations

import pytest

from git_theta.merging.equal_models import keeps_equal
from git_theta.merging.rule_text import parse_rule


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("average", True),
        ("linear weights=0.3,0.9", True),
        ("linear weights=0.5,0.3 normalize=false", False),
        ("linear weights=0.5,0.5 normalize=false", True),
        ("linear normalize=false weights=layers:0..1,0.5", False),
        ("task-arithmetic scale=3", True),
        ("ties density=0.1", True),
        ("dare-linear density=0.1", True),
        ("slerp t=0.7", True),
        ("passthrough", True),
        ("passthrough scale=0.5", False),
        ("multislerp weights=0.5,0.2 normalize=false", False),
        ("base", True),
        ("lora-svd", True),
    ],
)
def test_by_a_trial(text: str, kept: bool) -> None:
    assert keeps_equal(parse_rule(text), 2) is kept
