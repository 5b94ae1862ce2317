"""Plans for families of values, by sketches and by what is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from git_theta.model.manifest import ObjectRef, Source
from git_theta.model.tensor import TensorSpec
from git_theta.replanning.family import FamilyPlan, comparable_groups, plan_families
from git_theta.replanning.known_value import KnownValue
from git_theta.sketches.sketch import sketch

if TYPE_CHECKING:
    from git_theta.sketches.sketch import Keys

SPEC = TensorSpec("F32", (64, 64))
DENSE_BYTES = 14_000


def payload(number: int, length: int) -> ObjectRef:
    return ObjectRef(f"{number:064x}", 0, length)


def dense(number: int) -> Source:
    return Source("dense", payload(number, DENSE_BYTES))


def value(number: int, *sources: Source, spec: TensorSpec = SPEC) -> KnownValue:
    return KnownValue(spec, f"{number:064x}", sources, frozenset(sources))


def keys_of(*families: int) -> dict[str, Keys]:
    """Sketches of values, those of one family a little different."""
    found = {}
    for number, family in enumerate(families):
        base = np.random.default_rng(family).standard_normal(SPEC.shape)
        noise = np.random.default_rng(100 + number).standard_normal(SPEC.shape) * 1e-4
        made = sketch(memoryview((base + noise).astype("f4").tobytes()), SPEC)
        assert made
        found[f"{number:064x}"] = made.keys
    return found


def plans(
    values: list[KnownValue], keys: dict[str, Keys], depth: int | None = None, usual: int = 3
) -> list[FamilyPlan]:
    digests = {source: each.digest for each in values for source in each.sources}
    return list(plan_families(values, keys, depth, usual, digests.get, lambda _: None))


def test_groups_have_one_dtype_and_size() -> None:
    reshaped, other = TensorSpec("F32", (4096,)), TensorSpec("BF16", (64, 64))
    values = [
        value(0, dense(0)),
        value(1, dense(1), spec=reshaped),
        value(2, dense(2), spec=other),
        value(3, dense(3), spec=TensorSpec("F32", (3,))),
        value(4, dense(4), spec=TensorSpec("F32", (3,))),
    ]
    assert list(comparable_groups(values)) == [values[:2]]


def test_of_two_whole_values_one_becomes_a_delta() -> None:
    values = [value(0, dense(0)), value(1, dense(1))]
    (plan,) = plans(values, keys_of(0, 0))
    assert plan.pays
    root, update = plan.values
    assert (root.base, root.kept) == (None, root.value.current)
    assert (update.base, update.kept, update.depth) == (root.value, None, 2)
    assert plan.before == 2 * DENSE_BYTES
    assert DENSE_BYTES < plan.after < 0.9 * plan.before
    assert 0 < plan.new < DENSE_BYTES


def test_strangers_are_no_family() -> None:
    assert plans([value(0, dense(0)), value(1, dense(1))], keys_of(0, 1)) == []


def test_values_without_a_sketch_are_left_out() -> None:
    values = [value(0, dense(0)), value(1, dense(1)), value(2, dense(2))]
    keys = keys_of(0, 0)
    (plan,) = plans(values, keys)
    assert {each.value.digest for each in plan.values} == set(keys)


def test_a_stored_delta_stays_on_whatever_its_base_stands_on() -> None:
    update = Source("delta", payload(9, 5000), (dense(1),))
    values = [value(0, dense(0)), value(1, dense(1)), value(2, update)]
    (plan,) = plans(values, keys_of(0, 0, 0))
    planned = {each.value.digest: each for each in plan.values}
    last = planned[values[2].digest]
    assert last.kept == update
    assert last.base == values[1]
    assert sum(each.base is None for each in plan.values) == 1


def test_what_is_as_good_already_does_not_pay() -> None:
    update = Source("delta", payload(9, 6500), (dense(0),))
    (plan,) = plans([value(0, dense(0)), value(1, update)], keys_of(0, 0))
    assert not plan.pays
    assert plan.new == 0


def test_chains_are_no_deeper_than_asked_for() -> None:
    sources = [dense(0)]
    for number in range(1, 5):
        sources.append(Source("delta", payload(number, 6500), (sources[-1],)))
    values = [value(number, source) for number, source in enumerate(sources)]
    keys = keys_of(0, 0, 0, 0, 0)
    for depth in (1, 2, 3):
        (plan,) = plans(values, keys, depth)
        assert plan.must
        assert plan.pays
        assert max(each.depth for each in plan.values) <= depth
    (plan,) = plans(values, keys)
    assert not plan.must
