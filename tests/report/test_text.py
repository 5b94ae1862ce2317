"""Transfers in words."""

from __future__ import annotations

import pytest

from git_theta.model.tensor import TensorSpec
from git_theta.report.text import duration, human_size, transferred, type_text


@pytest.mark.parametrize(
    ("count", "size", "seconds", "said"),
    [
        (12, 45_000_000, 3.2, "sent 12 objects, 45 MB in 3.2 s (14.1 MB/s)"),
        (1, 1000, 0.01, "sent 1 object, 1 KB"),
        (2, 80_000_000_000, 4000.0, "sent 2 objects, 80 GB in 1 h 6 min (20 MB/s)"),
        (1, 0, 1.0, "sent 1 object, 0 B in 1.0 s (0 B/s)"),
    ],
)
def test_a_transfer(count: int, size: int, seconds: float, said: str) -> None:
    assert transferred("sent", count, size, seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (125.4, "2 min 5 s"), (3661, "1 h 1 min")],
)
def test_a_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


def test_types_and_sizes() -> None:
    assert type_text(TensorSpec("F32", ()), TensorSpec("F16", ())) == "F32 -> F16 scalar"
    assert type_text(TensorSpec("F32", (2, 3)), TensorSpec("BF16", (3,))) == "F32 -> BF16 2x3 -> 3"
    assert human_size(999) == "999 B"
