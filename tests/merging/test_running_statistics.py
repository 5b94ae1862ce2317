"""Means and variances of normalisations, which go together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from git_theta.merging.execute import Merger
from git_theta.merging.outcome import Taken, non_finite_text
from git_theta.merging.plan_parameters import plan_parameters
from git_theta.merging.purpose import Purpose
from git_theta.merging.rule_text import parse_rule
from git_theta.merging.rules import PICK_DEFAULT, MergeRules
from git_theta.merging.standing_rules import standing_rules
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_arrays, safetensors_bytes
from tests.helpers.small_manifests import manifest
from tests.helpers.storing import clean, smudge

RULES = MergeRules(standing=standing_rules(Purpose.MERGE)).of_path("m.safetensors")
PARTS = ("running_mean", "running_var", "num_batches_tracked")


def outcomes(base: str, *sides: str, rules: str = "") -> list[str]:
    """Outcomes of mean, variance and count, whose versions are given by a letter each."""
    versions = [
        manifest(
            **{
                "bn.running_mean": mean,
                "bn.running_var": variance,
                "bn.num_batches_tracked": (count, "I64", ()),
            }
        )
        for mean, variance, count in (base, *sides)
    ]
    given = replace(RULES, rules=tuple(parse_rule(rule) for rule in rules.split(";") if rule))
    plans = {each.name: each for each in plan_parameters(versions[0], versions[1:], given)}
    return [_words(plans[f"bn.{part}"].outcome, len(plans[f"bn.{part}"].models)) for part in PARTS]


def _words(outcome: object, models: int) -> str:
    if isinstance(outcome, Taken):
        return "equal" if outcome.side is None else f"side {outcome.side}"
    return f"{getattr(outcome, 'strategy', 'conflict')} of {models}"


@pytest.mark.parametrize(
    ("sides", "rules", "expected"),
    [
        # Nothing to do: all of one side, or all of both.
        (("xyz", "abc"), "", ["side 0"] * 3),
        (("abc", "xyz"), "", ["side 1"] * 3),
        (("xyz", "uvw"), "", ["average of 2", "average of 2", "counter of 2"]),
        (("xbz", "ubw"), "", ["average of 2", "equal", "counter of 2"]),
        (("xyz", "xyz"), "", ["equal"] * 3),
        # The sides changed different ones.
        (("xbc", "ayc"), "", ["average of 2", "average of 2", "equal"]),
        (("xyz", "abw"), "", ["average of 2", "average of 2", "counter of 2"]),
        # A rule for one of them is for all.
        (("xyz", "uvw"), "ours parameters=*.running_mean", ["side 0"] * 3),
        (("xyz", "uvw"), "theirs parameters=*_var", ["side 1"] * 3),
        (("xbc", "uyc"), "ours parameters=*mean", ["side 0"] * 3),
        # Rules for each of them are the user's wish.
        (
            ("xyz", "uvw"),
            "ours parameters=*mean;theirs parameters=*var",
            ["side 0", "side 1", "counter of 2"],
        ),
    ],
)
def test_outcomes_go_together(sides: tuple[str, ...], rules: str, expected: list[str]) -> None:
    assert outcomes("abc", *sides, rules=rules) == expected


def test_modules_are_apart_from_each_other() -> None:
    versions = [
        manifest(**{"a.running_mean": one, "a.running_var": one, "b.running_mean": two, "b.running_var": two})
        for one, two in (("o", "o"), ("x", "o"), ("o", "y"))
    ]
    plans = plan_parameters(versions[0], versions[1:], RULES)
    assert [plan.outcome.side for plan in plans if isinstance(plan.outcome, Taken)] == [0, 0, 1, 1]


@pytest.mark.parametrize("name", ["bn.running_var", "state/0/exp_avg_sq"])
def test_a_pick_leaves_variances_positive(tmp_path: Path, name: str) -> None:
    """A sum with the difference would be -0.2: its root is no number."""
    store = LocalStore(tmp_path / "theta")
    base, ours, theirs = (
        clean(store, safetensors_bytes({name: np.array([value], "f4"), "w": np.array([value], "f4")}))
        for value in (1.0, 0.5, 0.3)
    )
    rules = MergeRules(default=PICK_DEFAULT, standing=standing_rules(Purpose.PICK)).of_path("m.safetensors")
    merged = Merger(store).merge(base, [ours, theirs], rules)
    assert merged.manifest
    found = safetensors_arrays(smudge(store, merged.manifest))
    np.testing.assert_allclose(found[name], [0.15], rtol=1e-6)
    np.testing.assert_allclose(found["w"], [-0.2], rtol=1e-6)


def test_negative_variances_are_said_and_can_be_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "theta")
    versions = [
        {"bn.running_var": np.array(values, "f4"), "bn.weight": np.array(values, "f4")}
        for values in ([1.0, 1.0, -1.0], [0.5, 2.0, 1.0], [0.3, 3.0, -9.0])
    ]
    base, *sides = (clean(store, safetensors_bytes(each)) for each in versions)
    rules = replace(RULES, rules=(parse_rule("task-arithmetic"),))
    (found,) = Merger(store).merge(base, sides, rules).non_finite
    assert (found.name, found.negatives, found.nans, found.infinities) == ("bn.running_var", 1, 0, 0)
    assert "of 3 elements in F32, 1 negative, which no version has" in non_finite_text(found)
    refused = Merger(store, finite=True).merge(base, sides, rules)
    assert [conflict.name for conflict in refused.conflicts] == ["bn.running_var"]
