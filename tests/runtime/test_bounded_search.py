"""Searches by regular expressions that may take too long."""

from __future__ import annotations

import pytest

from git_theta.runtime.bounded_search import SearchError, last_match


def test_the_last_match_is_found() -> None:
    assert last_match("a=([0-9])", "a=1\na=2") == ("2",)
    assert last_match("^[0-9]+$", "1\n22\nx") == ("22",)
    assert last_match("(a)|b", "b") == (None,)
    assert last_match("é\ud800?", "é") == ("é",)
    assert last_match("x", "y") is None


def test_a_pattern_that_takes_years_is_ended() -> None:
    with pytest.raises(SearchError, match="may take 1 s"):
        last_match("(a+)+$", f"{'a' * 60}!", seconds=1)
