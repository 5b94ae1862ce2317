from __future__ import annotations

from git_theta.merging.outcome import ParameterPlan, Taken
from git_theta.merging.possible_conflicts import SideChanges, changes_of_plans, changes_of_versions
from git_theta.model.manifest import Manifest
from tests.helpers.manifests import A, B, C, entry, manifest


def model(**digests: str) -> Manifest:
    """A model of layers, by the digests of their weights."""
    return manifest(*(entry(f"{name}.weight", digest) for name, digest in digests.items()))


def pairs(changes: SideChanges) -> list[tuple[str, str]]:
    return [(each.source, each.target) for each in changes.possible_conflicts()]


BASE = model(l0=A, l1=A, l2=A, l3=A)


def test_sides_that_changed_neighbours() -> None:
    found = changes_of_versions(BASE, [model(l0=A, l1=B, l2=A, l3=A), model(l0=A, l1=A, l2=B, l3=A)])
    assert found.changed == ({"l1.weight"}, {"l2.weight"})
    assert pairs(found) == [("l1", "l2")]
    assert not found.everywhere


def test_equal_changes_do_not_count() -> None:
    both = model(l0=A, l1=B, l2=B, l3=A)
    assert changes_of_versions(BASE, [both, both]).changed == (set(), set())
    assert pairs(changes_of_versions(BASE, [both, both])) == []


def test_changes_of_every_parameter() -> None:
    found = changes_of_versions(BASE, [model(l0=B, l1=B, l2=B, l3=B), model(l0=C, l1=C, l2=C, l3=C)])
    assert found.everywhere
    assert len(pairs(found)) == 3
    assert not changes_of_versions(model(l0=A), [model(l0=B), model(l0=C)]).everywhere


def test_added_and_removed_modules() -> None:
    ours = model(l0=A, l1=A, l2=A, l3=A, l4=B)
    theirs = model(l0=A, l1=A, l2=A)
    assert pairs(changes_of_versions(BASE, [ours, theirs])) == [("l3", "l4")]


def test_nobody_knows_changes_without_a_base() -> None:
    assert pairs(changes_of_versions(None, [model(l0=B, l1=A), model(l0=A, l1=B)])) == []
    assert not changes_of_versions(None, [model(l0=B, l1=B), model(l0=A, l1=A)]).everywhere


def test_plans_of_a_merge() -> None:
    before, after = entry("x", A), entry("x", B)
    plans = [
        ParameterPlan("l1.weight", before, (after, before), Taken(after, 0)),
        ParameterPlan("l2.weight", before, (before, after), Taken(after, 1)),
        ParameterPlan("gone.weight", None, (None, None), Taken(None)),
    ]
    assert pairs(changes_of_plans(plans)) == [("l1", "l2")]
    assert pairs(changes_of_plans([])) == []
