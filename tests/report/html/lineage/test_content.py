"""The content of models."""

from __future__ import annotations

from dataclasses import replace

from git_theta.model.manifest import ObjectRef, Source
from git_theta.report.html.lineage.content import (
    MAX_GROUPS,
    LikeParameters,
    StoredAs,
    Structures,
    model_content,
)
from tests.helpers.manifests import B, entry, manifest


def test_groups_and_what_no_parent_has() -> None:
    base = manifest(*(entry(f"layer.{number}.weight") for number in range(3)), entry("head"))
    tuned = manifest(
        *(entry(f"layer.{number}.weight") for number in range(2)), entry("layer.2.weight", B), entry("new", B)
    )
    structures = Structures()
    found = model_content([tuned], [[base]], structures, lambda _oid: 100)
    nbytes = base.entries[0].spec.nbytes
    first = base.entries[0].spec
    assert [(group.name, group.count, group.nbytes) for group in found.groups] == [
        ("layer.{0-2}.weight", 3, 3 * nbytes),
        ("new", 1, nbytes),
    ]
    assert found.new == (1, 1)
    assert found.dtypes == ((first.dtype, 4 * nbytes),)
    assert found.storage == (StoredAs("dense", 4, 4 * nbytes),)
    assert found.stored is not None
    assert found.own is not None
    assert 0 < found.own < found.stored


def test_without_parents_nothing_is_new() -> None:
    found = model_content([manifest(entry("a"))], [], Structures(), lambda _oid: 7)
    assert found.new == ()
    assert found.own == found.stored


def test_models_of_one_structure_share_their_groups() -> None:
    structures = Structures()
    one, other = (
        model_content([manifest(entry("a", digest), entry("b"))], [], structures, lambda _oid: 1)
        for digest in (B, entry("a").digest)
    )
    assert one.groups is other.groups or one.groups == other.groups
    assert isinstance(one.groups[0], LikeParameters)


def test_unknown_sizes_are_unknown() -> None:
    made = replace(entry("a"), source=Source("dense", ObjectRef("0" * 64)))
    assert model_content([manifest(made)], [], Structures(), lambda _oid: None).stored is None
    assert model_content([manifest(made)], [], Structures(), lambda _oid: 50).stored is not None


def test_groups_beyond_the_limit_are_counted() -> None:
    names = [f"p{'x' * number}" for number in range(MAX_GROUPS + 5)]
    found = model_content([manifest(*map(entry, names))], [], Structures(), lambda _oid: 1)
    assert (len(found.groups), found.left_out) == (MAX_GROUPS, 5)
