"""Plans of files: the cases in which one version is the result as a whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from git_theta.formats.base import FileVersion
from git_theta.formats.split import OPAQUE
from git_theta.merging.common_form import VersionValues
from git_theta.merging.outcome import Conflict, Merged
from git_theta.merging.plan_file import FilePlanner, MergePlan
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.merging.settings_versions import no_settings
from git_theta.model.manifest import Entry, Manifest
from git_theta.updates.base import Pieces
from tests.helpers.small_manifests import manifest

BASE, OURS, THEIRS = manifest(w="a"), manifest(w="b"), manifest(w="c")


def plan(base: Manifest | None, *sides: Manifest, rule: MergeRule | None = None) -> Merged | MergePlan:
    def version(_manifest: Manifest) -> FileVersion:
        raise AssertionError("equality and rules decide without the structures of files")

    def read(_entry: Entry) -> Pieces:
        raise AssertionError("equality and rules decide without values")

    reader = VersionValues(read, lambda _entries: None)
    planner = FilePlanner(version, lambda _entries: None, no_settings, reader)
    return planner.plan(base, sides, MergeRules((rule,) if rule else ()), fetch_values=True)


def test_a_file_that_one_side_changed_is_as_on_that_side() -> None:
    assert plan(BASE, OURS, BASE) == Merged(OURS, whole="ours")
    assert plan(BASE, BASE, THEIRS) == Merged(THEIRS, whole="theirs")
    assert plan(BASE, OURS, OURS) == Merged(OURS, whole="what all sides have")


@pytest.mark.parametrize(("strategy", "taken"), [("ours", BASE), ("theirs", THEIRS), ("base", BASE)])
def test_a_rule_for_everything_decides_also_about_changes_of_one_side(strategy: str, taken: Manifest) -> None:
    found = plan(BASE, BASE, THEIRS, rule=MergeRule(strategy, all_parameters=True))
    assert found == Merged(taken, whole=strategy)


def test_parameters_that_both_sides_changed_are_combined_in_the_structure_of_both() -> None:
    found = plan(BASE, OURS, THEIRS)
    assert isinstance(found, MergePlan)
    assert [parameter.outcome for parameter in found.parameters] == [MergeRule("average")]


def test_files_without_parameters_are_taken_as_a_whole_or_in_conflict() -> None:
    ours, theirs = replace(OURS, format=OPAQUE), replace(THEIRS, format=OPAQUE)
    reason = "changed on both sides, and not in a format that has parameters"
    assert plan(BASE, ours, theirs) == Merged(None, (), (Conflict("", reason),))
    assert plan(BASE, ours, theirs, rule=MergeRule("theirs")) == Merged(theirs, whole="theirs")
