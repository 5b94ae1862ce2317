from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.git.maintenance.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10 days", 864_000),
        ("10", 864_000),
        ("0", 0),
        ("2w", 1_209_600),
        ("36h", 129_600),
        ("1 Hour", 3600),
        ("5 min", 300),
        ("90s", 90),
        ("1 year", 31_536_000),
    ],
)
def test_seconds_of_a_duration(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "days", "1.5d", "10 dogs", "10 dm", "1" * 20])
def test_texts_that_are_not_durations(text: str) -> None:
    with pytest.raises(UsageError, match="duration"):
        parse_duration(text)
