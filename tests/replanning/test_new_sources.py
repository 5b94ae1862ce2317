"""Sources of all values once some were stored anew."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.replanning.family import FamilyPlan, PlannedValue
from git_theta.replanning.known_value import KnownValue, known_values
from git_theta.replanning.new_sources import new_sources, paying, verified
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import clean

SPEC = TensorSpec("F32", (30, 40))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def object_of(store: LocalStore, text: str) -> ObjectRef:
    return ObjectRef(store.put([text.encode()]))


def entry(digit: str, source: Source) -> Entry:
    return Entry(digit * 64, SPEC, digit * 64, source)


def test_what_is_made_of_a_planned_value_stands_on_its_new_source(store: LocalStore) -> None:
    old = Source("dense", object_of(store, "old"))
    cast = Source("cast", object_of(store, "cast"), (old,))
    mean = Source("recipe", object_of(store, "mean"), (cast, old))
    known = known_values([entry("a", old), entry("b", cast), entry("c", mean)], {}, store.has)
    new = Source("delta", object_of(store, "delta"), (Source("dense", object_of(store, "base")),))
    made = new_sources(known, {"a" * 64: new}, store, frozenset())
    assert made.sources == {
        "a" * 64: new,
        "b" * 64: Source("cast", cast.payload, (new,)),
        "c" * 64: Source("recipe", mean.payload, (Source("cast", cast.payload, (new,)), new)),
    }
    assert [each.digest[0] for each in made.differing(known)] == ["a", "b", "c"]
    assert made.before == len("old" + "cast" + "mean")
    assert made.after == len("cast" + "mean" + "delta" + "base")


def test_nothing_differs_without_a_plan(store: LocalStore) -> None:
    known = known_values([entry("a", Source("dense", object_of(store, "old")))], {}, store.has)
    made = new_sources(known, {}, store, frozenset())
    assert made.differing(known) == []
    assert made.before == made.after


def test_one_of_two_sources_is_enough(store: LocalStore) -> None:
    one, other = (Source("dense", object_of(store, text)) for text in ("one", "other"))
    known = known_values([entry("a", one), entry("a", other)], {}, store.has)
    made = new_sources(known, {}, store, frozenset())
    assert made.differing(known) == [entry("a", one)]
    assert (made.before, made.after) == (8, 3)


def test_families_that_take_more_than_expected_stay(store: LocalStore) -> None:
    source = Source("dense", object_of(store, "x" * 100))
    value = KnownValue(SPEC, "a" * 64, (source,), frozenset({source}))
    planned = (PlannedValue(value, None, None, 1),)
    written: Mapping[str, Source] = {"a" * 64: source}

    def plan(before: int, *, must: bool = False) -> FamilyPlan:
        return FamilyPlan(planned, before, 1, 1, must)

    assert paying([plan(100)], written, store.size) == {}
    assert paying([plan(102)], written, store.size) == written
    assert paying([plan(50, must=True)], written, store.size) == written


def test_only_sources_that_give_their_values_are_verified(store: LocalStore) -> None:
    arrays = {name: np.full((30, 40), number, "f4") for number, name in enumerate("ab")}
    one, other = clean(store, safetensors_bytes(arrays)).entries
    wrong = Entry("w", one.spec, one.digest, other.source)
    lost = Entry("l", one.spec, one.digest, Source("dense", ObjectRef("e" * 64)))
    seen: list[int] = []
    assert verified([wrong, one, lost, other], store, 2, seen.append) == sorted(
        [one, other], key=lambda each: each.digest
    )
    assert sum(seen) == 4 * one.spec.nbytes
