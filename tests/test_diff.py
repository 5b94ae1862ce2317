from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from git_theta.diff import diff
from git_theta.model.manifest import Manifest
from git_theta.model.tensor import TensorSpec
from tests.helpers.generators import manifests
from tests.helpers.manifests import B, manifest_named


@given(manifests())
def test_a_manifest_differs_in_nothing_from_itself(made: Manifest) -> None:
    assert not diff(made, made)


@given(manifests(), manifests())
def test_swapping_the_sides_mirrors_the_result(one: Manifest, other: Manifest) -> None:
    there, back = diff(one, other), diff(other, one)
    assert (there.added, there.removed) == (back.removed, back.added)
    assert sorted(a.name for a, _ in there.changed) == sorted(a.name for a, _ in back.changed)


def test_another_source_of_the_same_value_is_no_difference() -> None:
    made = manifest_named("a")
    other = replace(made.entries[0], source=replace(made.entries[0].source, update="delta"))
    assert not diff(made, replace(made, entries=(other,)))


def test_changed_parameters() -> None:
    old = manifest_named("a", "b")
    new = replace(manifest_named("b", "c"), layout=replace(old.layout, digest=B))
    new = replace(new, entries=(replace(new.entries[0], digest=B), new.entries[1]))
    found = diff(old, new)
    assert [entry.name for entry in found.added] == ["c"]
    assert [entry.name for entry in found.removed] == ["a"]
    assert [entry.name for entry, _ in found.changed] == ["b"]
    assert found.layout
    assert diff(None, old).added == old.entries
    assert diff(old, None).removed == old.entries


def test_kinds_of_changes() -> None:
    old = manifest_named("a", "b", "c", "d")
    kinds = [
        replace(old.entries[0], digest=B),
        replace(old.entries[1], spec=TensorSpec("F16", (2, 3))),
        replace(old.entries[2], spec=TensorSpec("F32", (3, 2))),
        old.entries[3],
    ]
    found = diff(old, replace(old, entries=tuple(kinds)))
    assert [entry.name for entry, _ in found.modified] == ["a"]
    assert [entry.name for entry, _ in found.retyped] == ["b"]
    assert [entry.name for entry, _ in found.reshaped] == ["c"]
    assert (len(found.changed), found.unchanged) == (3, 1)


def test_a_value_under_another_name_is_renamed() -> None:
    old = manifest_named("a.weight", "b.weight", "gone")
    new = manifest_named("model.a.weight", "model.b.weight")
    found = diff(old, new)
    renamed = sorted((one.name, other.name) for one, other in found.renamed)
    assert renamed == [("a.weight", "model.a.weight"), ("b.weight", "model.b.weight")]
    assert [entry.name for entry in found.vanished] == ["gone"]
    assert found.appeared == ()
    assert (len(found.added), len(found.removed)) == (2, 3)


def test_another_format_with_the_same_values() -> None:
    old = manifest_named("a")
    found = diff(old, replace(old, format="pytorch", layout=replace(old.layout, digest=B)))
    assert found.same_parameters
    assert found.format == ("safetensors", "pytorch")
    assert found


@given(manifests(), manifests())
def test_every_parameter_is_counted_once(one: Manifest, other: Manifest) -> None:
    found = diff(one, other)
    assert len(found.modified) + len(found.retyped) + len(found.reshaped) == len(found.changed)
    assert len(found.appeared) + len(found.renamed) == len(found.added)
    assert len(found.vanished) + len(found.renamed) == len(found.removed)
