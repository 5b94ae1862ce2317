from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.mergetool.columns import MOST_WIDTH, Row, aligned, cut, name_width, short_and_full
from git_theta.report.lines import plain

HEADING = ("#", "name", "kind", "by")


def lines(*rows: Row) -> list[str]:
    return list(plain(aligned(HEADING, rows)))


def test_names_are_left_aligned_and_numbers_right_aligned() -> None:
    assert lines(Row(("1", "short", "F32", "ours")), Row(("10", "a longer name", "BF16", "theirs"))) == [
        "   #  name           kind  by",
        "   1  short          F32   ours",
        "  10  a longer name  BF16  theirs",
    ]


def test_notes_are_below_their_row() -> None:
    assert lines(Row(("1", "w", "F32", "mixed"), ("2 ours, 1 theirs",)))[2] == "       2 ours, 1 theirs"


def test_a_long_name_is_cut_to_the_width_of_a_line() -> None:
    row = Row(("1", "n" * 300, "F32", "ours"))
    assert max(map(len, lines(row))) <= MOST_WIDTH
    assert name_width(HEADING, [row]) < 300


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("ties density=0.3", "ties density=0.3"),
        ("linear weights=0.25,0.75", "linear …"),
        ("12 average, 3 in conflict", "mixed"),
    ],
)
def test_a_long_outcome_becomes_a_note(text: str, short: str) -> None:
    assert short_and_full(text) == (short, () if text == short else (text,))


@given(st.text(), st.integers(1, 40))
def test_a_cut_text_fits_and_keeps_both_ends(text: str, width: int) -> None:
    found = cut(text, width)
    assert len(found) == min(len(text), width)
    if len(text) > width:
        front, _, back = found.partition("…") if "…" not in text else (found[: (width - 1) // 2], "", "")
        assert text.startswith(front)
        assert text.endswith(back)
