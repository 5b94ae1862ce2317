"""Merges in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from git_theta.merging.outcome import LAYOUT, Conflict, Merged, ParameterPlan, Taken
from git_theta.merging.purpose import Operation, Purpose
from git_theta.merging.rules import MergeRule
from git_theta.model.tensor import TensorSpec
from git_theta.report.merge_summary import (
    combination_lines,
    conflict_lines,
    conflict_name,
    merge_lines,
    summary,
)
from git_theta.strategies.merge_parameter import NonFinite
from tests.helpers.manifests import A, B, C, entry

OLD, OURS, THEIRS = entry("w", A), entry("w", B), entry("w", C)


def plan(outcome: Taken | MergeRule | Conflict, ours: str = B, theirs: str = C) -> ParameterPlan:
    return ParameterPlan("w", OLD, (entry("w", ours), entry("w", theirs)), outcome)


def test_outcomes_are_counted_unchanged_first() -> None:
    merged = Merged(
        None,
        (
            plan(MergeRule("average")),
            plan(MergeRule("average")),
            plan(Taken(THEIRS, 1), A, C),
            plan(Taken(OLD), A, A),
        ),
    )
    assert summary(merged) == "merged 4 parameters: 1 unchanged, 2 averaged, 1 theirs only"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Taken(OURS, 0), "1 ours only"),
        (Taken(OURS, 2), "1 branch 2 only"),
        (Taken(OURS), "1 the same on both sides"),
        (Taken(None), "1 removed on both sides"),
        (Taken(None, 1), "1 removed by theirs"),
        (Taken(OURS, 0, MergeRule("ours")), "1 by ours"),
        (Conflict("w", "changed on both sides"), "1 in conflict"),
    ],
)
def test_each_outcome(outcome: Taken | Conflict, words: str) -> None:
    assert summary(Merged(None, (plan(outcome),))).endswith(f": {words}")


def test_a_file_that_was_taken_as_a_whole() -> None:
    assert summary(Merged(None)) == "took one side as a whole"


def test_conflicts_are_listed_with_the_commands_to_resolve_them() -> None:
    conflicts = [Conflict(f"w.{index}", "changed on both sides") for index in range(7)]
    first, *listed, more, commands = conflict_lines("my model.pt", conflicts)
    assert first == "my model.pt: 7 conflicts; the work tree keeps ours"
    assert listed == [f"  w.{index}: changed on both sides" for index in range(5)]
    assert more == "  and 2 more: git theta status"
    assert "git theta merge-tool 'my model.pt'" in commands


@pytest.mark.parametrize(
    ("name", "words"), [("w", "w"), (LAYOUT, "the rest of the file"), ("", "the file"), ("a\x1b", "a%1B")]
)
def test_names_of_conflicts(name: str, words: str) -> None:
    assert conflict_name(Conflict(name, "")) == words


def test_conflicts_say_what_becomes_of_the_rest() -> None:
    conflict = Conflict("w", "changed on both sides")
    others = [plan(MergeRule("average")), plan(MergeRule("average")), plan(Taken(OURS, 0)), plan(conflict)]
    lines = [*conflict_lines("m.pt", [conflict], others)]
    assert lines[:2] == [
        "m.pt: 1 conflict; the work tree keeps ours",
        "  the other parameters, once that's decided: 2 averaged, 1 ours only",
    ]


def test_warnings_follow_the_summary() -> None:
    found = NonFinite("big", TensorSpec("F16", (2, 3)), 1, 2)
    merged = Merged(None, (plan(Taken(OURS, 0)),), non_finite=(found, found), dropped=("a change is gone",))
    _, first, second = merge_lines(merged)
    assert first.startswith("warning: big (and 1 other parameter): of 6 elements in F16, 2 infinite and ")
    assert second == "warning: a change is gone"


@pytest.mark.parametrize(
    ("name", "outcome", "said"),
    [
        ("optimizer/state/0/exp_avg", MergeRule("average"), True),
        ("optimizer/state/0/exp_avg", Taken(OURS, 0), False),
        ("exp_avg.weight", MergeRule("average"), False),
    ],
)
def test_a_note_says_that_moments_were_combined(name: str, outcome: Taken | MergeRule, said: bool) -> None:
    lines = [*merge_lines(Merged(None, (replace(plan(outcome), name=name),)))]
    assert any("1 tensor of an optimizer's state" in line for line in lines) == said


def test_values_that_are_ours_by_default_are_said() -> None:
    few = Merged(None, (plan(MergeRule("average")),), as_ours=("param_groups/0/lr",))
    _, line = merge_lines(few)
    assert line == "note: ours by default, though other sides changed them: param_groups/0/lr"
    _, line = merge_lines(replace(few, as_ours=tuple(f"rng_states/{index}" for index in range(7))))
    assert line.endswith("rng_states/4 (and 2 other values)")


def test_what_settles_a_counter_is_said() -> None:
    conflicts = [Conflict("w", "changed"), Conflict("bn.num_batches_tracked", "changed")]
    *_, line, _ = conflict_lines("m.pt", conflicts)
    assert line == "for counters such as bn.num_batches_tracked: git theta resolve m.pt -s counter"
    assert not any("counter" in line for line in conflict_lines("m.pt", conflicts[:1]))


def changed_everywhere() -> Merged:
    """A merge of two layers that both sides changed."""
    return Merged(None, tuple(replace(plan(MergeRule("average")), name=f"l{i}.weight") for i in range(2)))


@pytest.mark.parametrize(
    ("path", "said"),
    [("m.pt", True), ("a/m-00001-of-00002.safetensors", True), ("a/m-00002-of-00002.safetensors", False)],
)
def test_shards_share_a_hint(path: str, said: bool) -> None:
    lines = [*merge_lines(changed_everywhere(), None, path)]
    assert any(line.startswith("possible conflict: ") for line in lines) == said


def test_no_hint_where_a_change_is_applied() -> None:
    pick = Operation(Purpose.PICK, "git rebase")
    assert not any("possible conflict" in line for line in merge_lines(changed_everywhere(), pick))
    assert not any("possible conflict" in line for line in combination_lines(changed_everywhere()))
