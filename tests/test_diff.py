from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from git_theta.diff import diff
from git_theta.model.manifest import Manifest
from tests.model.test_manifest import B, manifest
from tests.strategies import manifests


@given(manifests())
def test_a_manifest_differs_in_nothing_from_itself(made: Manifest) -> None:
    assert not diff(made, made)


@given(manifests(), manifests())
def test_swapping_the_sides_mirrors_the_result(one: Manifest, other: Manifest) -> None:
    there, back = diff(one, other), diff(other, one)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert sorted(a.name for a, _ in there.changed) == sorted(a.name for a, _ in back.changed)


def test_another_source_of_the_same_value_is_no_difference() -> None:
    made = manifest("a")
    other = replace(made.entries[0], source=replace(made.entries[0].source, update="delta"))
    assert not diff(made, replace(made, entries=(other,)))


def test_tells_what_changed() -> None:
    old = manifest("a", "b")
    new = replace(manifest("b", "c"), layout=replace(old.layout, digest=B))
    new = replace(new, entries=(replace(new.entries[0], digest=B), new.entries[1]))
    found = diff(old, new)
    assert [entry.name for entry in found.added] == ["c"]
    assert [entry.name for entry in found.removed] == ["a"]
    assert [entry.name for entry, _ in found.changed] == ["b"]
    assert found.layout
    assert diff(None, old).added == old.entries
    assert diff(old, None).removed == old.entries
