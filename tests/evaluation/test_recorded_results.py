"""Recorded results as texts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.evaluation.recorded_results import (
    RecordedResult,
    parse_results,
    recorded,
    results_path,
    results_text,
)
from tests.helpers.compared_results import FAILED, GOOD, TEST

TEXT = b"""\
{
  "acc": {
    "better": "higher",
    "model": "blake3:0",
    "ok": true,
    "value": 0.9
  },
  "loads": {
    "model": "blake3:1",
    "ok": false,
    "problem": "exit code 1",
    "value": null
  }
}
"""
RESULTS = {
    "loads": RecordedResult("blake3:1", None, False, "exit code 1"),
    "acc": RecordedResult("blake3:0", 0.9, True),
}


def test_a_text_is_canonical() -> None:
    assert results_text(RESULTS) == TEXT
    assert parse_results(TEXT, "r") == RESULTS
    assert results_path("a/b.pt") == ".theta/results/a/b.pt.json"
    assert recorded(TEST, GOOD) == RESULTS["acc"]
    assert recorded(TEST, FAILED).ok is False


@given(
    st.dictionaries(
        st.text(),
        st.builds(
            RecordedResult,
            st.text(),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
            st.text(),
        ),
    )
)
def test_results_are_read_back(results: dict[str, RecordedResult]) -> None:
    assert parse_results(results_text(results), "r") == results


def test_a_lower_metric_is_kept_as_such() -> None:
    lower = {"loss": replace(RESULTS["acc"], is_higher_better=False)}
    assert parse_results(results_text(lower), "r") == lower


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "isn't valid JSON"),
        (b"\xff", "isn't valid JSON"),
        (b"[" * 100_000, "isn't valid JSON"),
        (b"<<<<<<< a\n{}\n=======\n{}\n>>>>>>> b\n", "is in conflict"),
        (b"[]", "isn't a table"),
        (b'{"a": 1}', "'a' isn't a result"),
        (b'{"a": {}}', "'a' isn't a result"),
        (b'{"a": {"model": "", "value": "1"}}', "'a' isn't a result"),
        (b'{"a": {"model": "", "value": true}}', "'a' isn't a result"),
        (b'{"a": {"model": "", "value": NaN}}', "isn't finite"),
        (b'{"a": {"model": "", "value": 1' + b"0" * 400 + b"}}", "isn't finite"),
    ],
)
def test_wrong_texts_are_one_error(text: bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_results(text, "the/path")
    assert said in caught.value.message
    assert "the/path" in caught.value.message
