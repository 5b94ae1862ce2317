from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.matrices import runs_of

contents = st.lists(st.integers(0, 30), min_size=1, max_size=40)


def test_a_vocabulary_grows() -> None:
    assert runs_of([*range(100), 200, 201], list(range(100))) == [(0, 0, 100)]


def test_rows_come_in_the_middle() -> None:
    new = [*range(50), 200, 201, *range(50, 100)]
    assert runs_of(new, list(range(100))) == [(0, 0, 50), (50, 52, 50)]


def test_a_vocabulary_is_trimmed() -> None:
    new = [*range(10, 40), *range(60, 90)]
    assert runs_of(new, list(range(100))) == [(10, 0, 30), (60, 30, 30)]


def test_rows_that_changed_stay_in_their_run() -> None:
    old = list(range(100))
    new = [500 if row in {20, 21, 60} else row for row in old]
    assert runs_of([*new, 200], old) == [(0, 0, 100)]


def test_equal_rows_are_no_anchors() -> None:
    assert runs_of([7] * 30, [7] * 20) == [(0, 0, 20)]


@given(contents, contents)
def test_runs_ascend_in_both_matrices(new: list[int], old: list[int]) -> None:
    base_end = value_end = 0
    for run in runs_of(new, old):
        assert run.length > 0
        assert run.base_start >= base_end
        assert run.value_start >= value_end
        base_end, value_end = run.base_start + run.length, run.value_start + run.length
    assert base_end <= len(old)
    assert value_end <= len(new)
