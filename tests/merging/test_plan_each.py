"""Plans of single parameters: what equality tells, and which rule decides the rest."""

from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.merging.outcome import Conflict, ParameterPlan, Taken
from git_theta.merging.plan_each import plan_each
from git_theta.merging.rules import DEFAULT, MergeRule, MergeRules
from git_theta.model.manifest import Manifest
from tests.helpers.small_manifests import manifest


def outcome(
    base: Manifest | None, *sides: Manifest, rules: MergeRules | None = None, name: str = "w"
) -> object:
    return next(
        parameter for parameter in plan_each(base, sides, rules or MergeRules()) if parameter.name == name
    ).outcome


def test_a_change_on_one_side_is_taken_with_its_entry() -> None:
    base, theirs = manifest(w="a"), manifest(w="b")
    assert outcome(base, base, theirs) == Taken(theirs.entries[0], 1)
    assert outcome(base, theirs, base) == Taken(theirs.entries[0], 0)
    assert outcome(base, theirs, theirs) == Taken(theirs.entries[0], None)
    assert outcome(base, base, base) == Taken(base.entries[0])


def test_floats_that_both_sides_changed_are_averaged() -> None:
    assert outcome(manifest(w="a"), manifest(w="b"), manifest(w="c")) == DEFAULT
    assert outcome(None, manifest(w="b"), manifest(w="c")) == DEFAULT


@pytest.mark.parametrize(
    ("ours", "theirs", "reason"),
    [
        (("b", "I64", (2,)), ("c", "I64", (2,)), "I64 values aren't averaged"),
        (("b", "BOOL", (2,)), ("c", "BOOL", (2,)), "BOOL values aren't averaged"),
        (("b", "F32", (2,)), ("c", "F32", (3,)), "changed to shapes [2] and [3]"),
        (("b", "F32", (2,)), ("c", "F16", (2,)), "changed to dtypes F32 and F16"),
    ],
)
def test_what_cannot_be_averaged_is_in_conflict(
    ours: tuple[str, str, tuple[int, ...]], theirs: tuple[str, str, tuple[int, ...]], reason: str
) -> None:
    found = outcome(manifest(w="a"), manifest(w=ours), manifest(w=theirs))
    assert isinstance(found, Conflict)
    assert reason in found.reason


def test_removed_against_changed_is_in_conflict() -> None:
    base = manifest(w="a", v="v")
    found = outcome(base, manifest(v="v"), manifest(w="b", v="v"))
    assert found == Conflict("w", "removed on one side, changed on the other")
    assert outcome(base, manifest(v="v"), base) == Taken(None, 0)


@pytest.mark.parametrize(("strategy", "side"), [("ours", 0), ("theirs", 1)])
def test_a_rule_can_take_a_side_of_anything(strategy: str, side: int) -> None:
    sides = [manifest(w=("b", "I64", (2,)), v="v"), manifest(v="v")]
    found = outcome(manifest(w="a", v="v"), *sides, rules=MergeRules((MergeRule(strategy),)))
    assert isinstance(found, Taken)
    assert found.entry == sides[side].by_name.get("w")
    assert found.rule == MergeRule(strategy)


def test_the_last_rule_that_matches_counts() -> None:
    rules = MergeRules(
        (MergeRule("ties"), MergeRule("theirs", parameters=("w*",)), MergeRule("linear", parameters=("*x",)))
    )
    base, ours, theirs = (manifest(wx=i, wy=i, z=i) for i in "abc")
    found = {parameter.name: parameter.outcome for parameter in plan_each(base, [ours, theirs], rules)}
    assert found["wx"] == rules.rules[2]
    assert isinstance(found["wy"], Taken)
    assert found["z"] == rules.rules[0]


def test_a_last_resort_is_only_for_conflicts() -> None:
    base = manifest(w="a", i=("a", "I64", (2,)))
    ours, theirs = manifest(w="b", i=("b", "I64", (2,))), manifest(w="c", i=("c", "I64", (2,)))
    rules = MergeRules((), (MergeRule("theirs"),))
    assert outcome(base, ours, theirs, rules=rules, name="w") == DEFAULT
    assert outcome(base, ours, theirs, rules=rules, name="i") == Taken(
        theirs.by_name["i"], 1, rules.fallback[0]
    )


def test_a_strategy_that_needs_a_base() -> None:
    rules = MergeRules((MergeRule("ties"),))
    assert outcome(manifest(w="a"), manifest(w="b"), manifest(w="c"), rules=rules) == rules.rules[0]
    found = outcome(None, manifest(w="b"), manifest(w="c"), rules=rules)
    assert found == Conflict("w", "added on both sides, and ties needs a base")


def test_a_strategy_for_two_does_not_merge_three() -> None:
    sides = [manifest(w=value) for value in "bcd"]
    found = outcome(manifest(w="a"), *sides, rules=MergeRules((MergeRule("slerp"),)))
    assert isinstance(found, Conflict)
    assert outcome(manifest(w="a"), *sides, manifest(w="a")) == DEFAULT


def test_an_unknown_strategy_is_an_error() -> None:
    with pytest.raises(UsageError, match="no merge strategy called 'tise'"):
        list(plan_each(manifest(w="a"), [manifest(w="b"), manifest(w="c")], MergeRules((MergeRule("tise"),))))


def test_steps_know_who_changed_what() -> None:
    base, ours, theirs = manifest(w="a", v="v"), manifest(w="b", v="v"), manifest(w="c", u="u")
    found = {parameter.name: parameter for parameter in plan_each(base, [ours, theirs], MergeRules())}
    assert [found[name].changed for name in "uvw"] == [(1,), (1,), (0, 1)]
    assert isinstance(found["w"], ParameterPlan)
    assert found["w"].likely == ours.entries[-1]
    assert found["v"].likely is None


@pytest.mark.parametrize(
    ("sides", "taking_part"),
    [
        ([manifest(w="b"), manifest(w="a")], (0, 1)),
        ([manifest(w="a"), manifest(w="a"), manifest(w="c")], (0, 1, 2)),
        ([manifest(w="b"), manifest(w="b")], (0, 1)),
    ],
)
def test_a_rule_for_all_parameters_combines_all_sides(
    sides: list[Manifest], taking_part: tuple[int, ...]
) -> None:
    rule = MergeRule("linear", all_parameters=True)
    (parameter,) = plan_each(manifest(w="a"), sides, MergeRules((rule,)))
    assert (parameter.outcome, parameter.models) == (rule, taking_part)
    assert len(parameter.inputs) == len(sides) + 1


def test_equal_models_get_what_a_rule_for_all_parameters_gives() -> None:
    options = (("normalize", "false"), ("weights", "0.5,0.3"))
    rule = MergeRule("linear", options, all_parameters=True)
    same = manifest(w="a")
    for base in (same, None, manifest(w="b")):
        (parameter,) = plan_each(base, [same, same], MergeRules((rule,)))
        assert (parameter.outcome, parameter.models) == (rule, (0, 1))
    average = MergeRule("linear", all_parameters=True)
    for kept in (MergeRule("linear", options), average):
        assert outcome(same, same, same, rules=MergeRules((kept,))) == Taken(same.entries[0])


def test_a_rule_for_all_parameters_leaves_what_it_cannot_combine() -> None:
    rules = MergeRules((MergeRule("linear", all_parameters=True),))
    unchanged = outcome(manifest(w="a"), manifest(w="a"), manifest(w="a"), rules=rules)
    assert isinstance(unchanged, Taken)
    added = outcome(None, manifest(), manifest(w="c"), rules=rules)
    assert isinstance(added, Taken)
    assert added.side == 1
    base = outcome(
        manifest(w="a"),
        manifest(w="a"),
        manifest(w="b"),
        rules=MergeRules((MergeRule("base", all_parameters=True),)),
    )
    assert isinstance(base, Taken)
    assert base.entry is not None
    assert base.entry.digest == manifest(w="a").by_name["w"].digest
