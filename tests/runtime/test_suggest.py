from __future__ import annotations

import pytest

from git_theta.runtime.suggest import closest, did_you_mean


@pytest.mark.parametrize(
    ("word", "expected"),
    [("stauts", "did you mean 'status'?"), ("xyz", "")],
)
def test_did_you_mean(word: str, expected: str) -> None:
    assert did_you_mean(word, {"status": "…", "track": "…"}) == expected


def test_names_that_contain_the_text_come_first() -> None:
    names = ["headline", "encoder.layer.0.head", "hea"]
    assert closest("*head*", names) == ["headline", "encoder.layer.0.head", "hea"]
    assert closest("*head*", names, 1) == ["headline"]


def test_something_is_close_even_if_nothing_is_like_it() -> None:
    assert closest("zzz", ["a", "b"]) == ["a", "b"]
    assert closest("a", []) == []
