from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from git_theta.clean import Cleaner
from git_theta.errors import PluginError
from git_theta.merging.file_version import stored_version
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import LAYOUT, Conflict
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.merging.structure import (
    NewStructure,
    Structure,
    StructureConflicts,
    TakenStructure,
    different_formats,
    merge_header,
    merge_structure,
)
from git_theta.model.manifest import Manifest
from git_theta.store.local import LocalStore


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def stored(store: LocalStore, names: str, **metadata: str) -> Manifest:
    data = save({name: np.zeros(2, "f4") for name in names}, metadata or None)
    return Cleaner(store).clean(memoryview(data)).manifest


def merged(
    store: LocalStore, base: Manifest | None, *sides: Manifest, names: str, rules: tuple[MergeRule, ...] = ()
) -> Structure:
    specs = {entry.name: entry.spec for side in sides for entry in parameter_entries(side)}
    wanted = {name: specs[name] for name in names}
    return merge_structure(base, sides, wanted, MergeRules(rules), partial(stored_version, store=store))


def test_the_only_change_is_taken(store: LocalStore) -> None:
    base, theirs = stored(store, "ab", epoch="1"), stored(store, "ab", epoch="2")
    assert merged(store, base, base, theirs, names="ab") == TakenStructure(theirs)


def test_additions_of_both_sides_make_a_new_structure(store: LocalStore) -> None:
    base, ours, theirs = stored(store, "a"), stored(store, "ab"), stored(store, "ac")
    found = merged(store, base, ours, theirs, names="abc")
    assert isinstance(found, NewStructure)
    assert found.format == "safetensors"
    assert found.size > ours.size


def test_values_that_both_sides_changed_are_conflicts_unless_a_rule_decides(store: LocalStore) -> None:
    base, ours, theirs = (stored(store, "a", epoch=epoch) for epoch in "123")
    reason = "changed to different values on both sides"
    conflicts = StructureConflicts((Conflict("__metadata__/epoch", reason),))
    assert merged(store, base, ours, theirs, names="a") == conflicts
    assert merged(store, base, ours, theirs, names="a", rules=(MergeRule("theirs"),)) == TakenStructure(
        theirs
    )


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_a_preferred_side_decides_conflicts_alone(store: LocalStore, side: str) -> None:
    base = stored(store, "a", epoch="0", both="0")
    ours, theirs = stored(store, "a", epoch="7", both="1"), stored(store, "a", epoch="0", both="2", note="n")
    found = merged(store, base, ours, theirs, names="a", rules=(MergeRule(side),))
    assert isinstance(found, NewStructure)
    header = found.layout.decode(errors="replace")
    for text in ('"epoch":"7"', '"note":"n"', '"both":"1"' if side == "ours" else '"both":"2"'):
        assert text in header


def test_a_rule_for_the_layout_decides_conflicts_in_it(store: LocalStore) -> None:
    base, ours, theirs = (stored(store, "a", epoch=epoch) for epoch in "123")
    rules = (MergeRule("theirs", parameters=(LAYOUT,)),)
    assert merged(store, base, ours, theirs, names="a", rules=rules) == TakenStructure(theirs)


def test_a_preferred_side_is_taken_where_nothing_can_be_composed(store: LocalStore) -> None:
    base, ours, theirs = (replace(stored(store, "a", epoch=epoch), format="unknown") for epoch in "123")
    rules = (MergeRule("theirs"),)
    assert merged(store, base, ours, theirs, names="a", rules=rules) == TakenStructure(theirs, dropped=True)
    with pytest.raises(PluginError, match="no format called 'unknown'"):
        merged(store, base, ours, theirs, names="a")


def test_files_of_different_formats_are_in_conflict(store: LocalStore) -> None:
    ours, theirs = stored(store, "a", epoch="1"), stored(store, "a", epoch="2")
    theirs = replace(theirs, format="pytorch")
    found = merged(store, None, ours, theirs, names="a")
    assert found == StructureConflicts((Conflict(LAYOUT, different_formats(None, [ours, theirs])),))
    assert different_formats(None, [ours, theirs]) == "versions have different formats: safetensors, pytorch"
    assert different_formats(ours, [ours]) == ""


def test_unknown_header_keys_merge_by_equality_or_else_are_ours(store: LocalStore) -> None:
    base, ours, theirs = (
        replace(stored(store, "a"), extra=extra)
        for extra in (
            (("same", "1"), ("gone", "1"), ("both", "1")),
            (("same", "1"), ("gone", "1"), ("both", "2")),
            (("same", "1"), ("both", "3"), ("new", "4")),
        )
    )
    assert merge_header(base, [ours, theirs]) == (("both", "2"), ("new", "4"), ("same", "1"))
    assert merge_header(None, [ours]) == (("both", "2"), ("gone", "1"), ("same", "1"))
