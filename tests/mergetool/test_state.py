from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.errors import UsageError
from git_theta.merge.rules import MergeRule, MergeRules
from git_theta.mergetool.state import State, in_effect

A, B = MergeRule("ours"), MergeRule("theirs", parameters=("x",))

RULES = st.builds(
    MergeRule,
    st.sampled_from(["ours", "theirs", "average"]),
    parameters=st.sampled_from([("*",), ("a",), ("b",), ("a", "b")]),
)


def test_undo_and_redo() -> None:
    state = State().choose(A).choose(B)
    assert state.undo().rules == (A,)
    assert state.undo().redo() == state
    assert state.undo().undo().redo().redo() == state


def test_a_new_choice_ends_redoing() -> None:
    state = State().choose(A).undo().choose(B)
    assert state == State((B,))
    with pytest.raises(UsageError, match="nothing to redo"):
        state.redo()


def test_nothing_to_undo() -> None:
    with pytest.raises(UsageError, match="nothing to undo"):
        State().undo()


@given(st.lists(RULES))
def test_rules_that_are_replaced_make_no_difference(rules: list[MergeRule]) -> None:
    for name in ("a", "b", "c"):
        everything, kept = MergeRules(tuple(rules)), MergeRules(in_effect(rules))
        assert list(everything.to_try(name)) == list(kept.to_try(name))
