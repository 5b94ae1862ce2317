"""Outcomes of adapters' tensors: one for all those of a module."""

from __future__ import annotations

import pytest

from git_theta.merging.group_parameters import group_parameters
from git_theta.merging.outcome import Conflict, ParameterPlan, Taken
from git_theta.merging.plan_each import plan_each
from git_theta.merging.rules import PICK_DEFAULT, MergeRule, MergeRules
from git_theta.merging.settings_versions import SettingsVersions, no_settings
from git_theta.model.manifest import Manifest
from git_theta.model.tensor import TensorSpec
from tests.helpers import manifests

#: Dtype and shape of a parameter, and the letter that stands for its digest.
Version = dict[str, tuple[str, TensorSpec]]

A, B, W = "l.lora_A.weight", "l.lora_B.weight", "l.w"
LOHA = "l.hada_w1_a"
DOWN, UP, SQUARE = (TensorSpec("F32", shape) for shape in ((2, 5), (6, 2), (2, 2)))


def lora(down: str, up: str, **more: str) -> Version:
    others = {f"l.{name}": (letter, SQUARE) for name, letter in more.items()}
    return {A: (down, DOWN), B: (up, UP), **others}


def manifest(version: Version) -> Manifest:
    entries = (
        manifests.entry(name, 64 * letter, spec=spec) for name, (letter, spec) in sorted(version.items())
    )
    return manifests.manifest(*entries)


def planned(
    *versions: Version, rules: MergeRules | None = None, refused: dict[str, str] | None = None
) -> dict[str, ParameterPlan]:
    base, *sides = map(manifest, versions)
    chosen = rules or MergeRules()
    plans = tuple(plan_each(base, sides, chosen, refused or {}))
    return {plan.name: plan for plan in group_parameters(plans, chosen, refused or {}, no_settings)}


def only(*rules: MergeRule) -> MergeRules:
    return MergeRules(rules)


BOTH = (lora("a", "b", w="1"), lora("c", "d", w="2"), lora("e", "f", w="3"))


def test_factors_are_merged_together_and_others_are_not() -> None:
    found = planned(*BOTH)
    assert found[A].outcome == found[B].outcome == MergeRule("lora-svd")
    assert found[A].group is found[B].group is not None
    assert found[A].asked == MergeRule("average")
    assert found[W].outcome == MergeRule("average")
    assert found[W].group is None


def test_one_factor_on_each_side() -> None:
    found = planned(lora("a", "b"), lora("c", "b"), lora("a", "d"))
    assert found[A].outcome == found[B].outcome == MergeRule("lora-svd")


def test_all_changes_of_one_side_are_taken() -> None:
    found = planned(lora("a", "b"), lora("a", "b"), lora("c", "d"))
    assert found[A].outcome == Taken(found[A].sides[1], 1)
    assert found[A].group is None


def test_a_change_is_applied_to_the_product() -> None:
    found = planned(*BOTH, rules=MergeRules(default=PICK_DEFAULT))
    assert found[A].outcome == MergeRule("lora-svd", (("changes", "true"), ("normalize", "false")))


def test_options_of_an_average_are_those_of_the_products() -> None:
    found = planned(*BOTH, rules=only(MergeRule("average", (("weights", "1,3"),))))
    assert found[A].outcome == MergeRule("lora-svd", (("weights", "1,3"),))


def test_a_side_is_taken_for_both() -> None:
    found = planned(*BOTH, rules=only(MergeRule("theirs")))
    assert [found[name].outcome.side for name in (A, B)] == [1, 1]  # type: ignore[union-attr]
    found = planned(*BOTH, rules=MergeRules((MergeRule("ties"),), (MergeRule("ours"),)))
    assert [found[name].outcome.side for name in (A, B)] == [0, 0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (only(MergeRule("ties")), "ties would merge LoRA factors apart"),
        (only(MergeRule("theirs", parameters=("*lora_A*",))), "different rules for the factors of one LoRA"),
    ],
)
def test_rules_that_take_a_product_apart_are_a_conflict(rules: MergeRules, words: str) -> None:
    found = planned(*BOTH, rules=rules)
    for name in (A, B):
        outcome = found[name].outcome
        assert isinstance(outcome, Conflict)
        assert words in outcome.reason


def test_a_rule_that_names_factors_is_what_was_asked_for() -> None:
    rule = MergeRule("ties", parameters=("*lora_?.weight",))
    found = planned(*BOTH, rules=only(rule))
    assert found[A].outcome == found[B].outcome == rule
    assert found[A].group is None


def test_a_rule_for_products_leaves_other_parameters_to_other_rules() -> None:
    found = planned(*BOTH, rules=only(MergeRule("linear"), MergeRule("lora-svd")))
    assert found[A].outcome == MergeRule("lora-svd")
    assert found[W].outcome == MergeRule("linear")


def test_factors_of_other_methods_are_a_conflict_until_a_side_is_taken() -> None:
    versions = tuple({LOHA: (letter, SQUARE)} for letter in "abc")
    outcome = planned(*versions)[LOHA].outcome
    assert isinstance(outcome, Conflict)
    assert "factors of LoHa aren't averaged" in outcome.reason
    assert planned(*versions, rules=only(MergeRule("ours")))[LOHA].outcome != outcome


def test_a_number_beside_no_factors_is_a_parameter() -> None:
    found = planned(*({"l.alpha": (letter, SQUARE)} for letter in "abc"))
    assert found["l.alpha"].outcome == MergeRule("average")


def test_a_factor_that_was_removed() -> None:
    outcome = planned(lora("a", "b"), lora("c", "d"), {A: ("e", DOWN)})[A].outcome
    assert isinstance(outcome, Conflict)
    assert "aren't the same tensors on all sides" in outcome.reason


def test_a_result_that_is_refused() -> None:
    found = planned(*BOTH, refused={B: "of 12 elements in F16, 1 infinite"})
    assert found[A].outcome == Conflict(A, "of 12 elements in F16, 1 infinite")
    found = planned(*BOTH, rules=MergeRules((), (MergeRule("ours"),)), refused={B: "infinite"})
    assert found[A].outcome == Taken(found[A].sides[0], 0, MergeRule("ours"))


def test_all_sides_take_part_by_a_rule_for_all_parameters() -> None:
    rules = only(MergeRule("linear", all_parameters=True))
    found = planned(lora("a", "b"), lora("a", "b"), lora("c", "d"), rules=rules)
    assert found[A].group
    assert found[A].group.models == (0, 1)


def test_settings_are_those_of_the_sides_that_take_part() -> None:
    base, *sides = (manifest(lora(*each)) for each in (("a", "b"), ("a", "b"), ("c", "d"), ("e", "f")))
    plans = tuple(plan_each(base, sides, MergeRules()))
    settings = SettingsVersions({}, ({"r": 9}, {"r": 2, "lora_alpha": 3}, {"r": 2}), {"r": 2})
    found = group_parameters(plans, MergeRules(), {}, lambda _name: settings)
    assert found[0].group
    assert [each.settings for each in found[0].group.case.models] == [*settings.sides[1:]]
