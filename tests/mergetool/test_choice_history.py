from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.mergetool.choice_history import ChoiceHistory, in_effect
from git_theta.merging.rules import MergeRule, MergeRules

A, B = MergeRule("ours"), MergeRule("theirs", parameters=("x",))

RULES = st.builds(
    MergeRule,
    st.sampled_from(["ours", "theirs", "average"]),
    parameters=st.sampled_from([("*",), ("a",), ("b",), ("a", "b")]),
)


def test_undo_and_redo() -> None:
    history = ChoiceHistory().choose(A).choose(B)
    assert history.undo().rules == (A,)
    assert history.undo().redo() == history
    assert history.undo().undo().redo().redo() == history


def test_a_new_choice_ends_redoing() -> None:
    history = ChoiceHistory().choose(A).undo().choose(B)
    assert history == ChoiceHistory((B,))
    with pytest.raises(UsageError, match="nothing to redo"):
        history.redo()


def test_nothing_to_undo() -> None:
    with pytest.raises(UsageError, match="nothing to undo"):
        ChoiceHistory().undo()


@given(st.lists(RULES))
def test_rules_that_are_replaced_make_no_difference(rules: list[MergeRule]) -> None:
    for name in ("a", "b", "c"):
        everything, kept = MergeRules(tuple(rules)), MergeRules(in_effect(rules))
        assert list(everything.to_try(name)) == list(kept.to_try(name))
