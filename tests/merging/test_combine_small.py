"""Many small parameters are combined at once: the values are those of combining them one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.clean import Cleaner, same_content
from git_theta.merging import combine_small
from git_theta.merging.combine import Combiner
from git_theta.merging.combine_small import ELEMENTWISE
from git_theta.merging.execute import Merger
from git_theta.merging.outcome import Merged
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.manifest import Manifest
from git_theta.store.local import LocalStore
from git_theta.strategies import registry
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.storing import smudge

Weights = dict[str, NDArray[Any]]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def network(seed: int, **more: NDArray[Any]) -> Weights:
    rng = np.random.default_rng(seed)
    kinds = {"bias": ("f4", 16), "half": ("f2", 40), "norm": ("f4", 300), "wide": ("f8", 20)}
    made = {
        f"{n}.{name}": rng.standard_normal(size).astype(dtype)
        for n in range(8)
        for name, (dtype, size) in kinds.items()
    }
    return made | more


def versions(store: LocalStore, *networks: Weights) -> tuple[Manifest, list[Manifest]]:
    def add(weights: Weights, *previous: Manifest) -> Manifest:
        return Cleaner(store).clean(memoryview(safetensors_bytes(weights)), previous).manifest

    base = add(networks[0])
    return base, [add(weights, base) for weights in networks[1:]]


def merge(
    store: LocalStore, base: Manifest, sides: list[Manifest], *rules: MergeRule, **options: Any
) -> Merged:
    return Merger(store, threads=2, **options).merge(base, sides, MergeRules(rules))


OPTIONS: list[tuple[str, str]] = [("weights", "0.7,0.2"), ("scale", "0.5"), ("normalize", "false")]


@pytest.mark.parametrize(
    ("strategy", "count"),
    [(name, count) for name in sorted(ELEMENTWISE) for count in {2, registry().get(name).max_models or 3}],
)
def test_values_are_those_of_one_by_one(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch, strategy: str, count: int
) -> None:
    base, sides = versions(store, *map(network, range(count + 1)))
    known = set(registry().get(strategy).options.__dataclass_fields__)
    for options in ((), *(((name, text),) for name, text in OPTIONS if name in known)):
        fits = not options or options[0][0] != "weights" or (count == 2 and strategy != "average-all")
        if not fits or (strategy.startswith("average-") and options):
            continue
        rule = MergeRule(strategy, options)
        together = merge(store, base, sides, rule).manifest
        with monkeypatch.context() as alone:
            alone.setattr(combine_small, "ELEMENTWISE", frozenset())
            one_by_one = merge(store, base, sides, rule).manifest
        assert together
        assert one_by_one
        assert same_content(together, one_by_one)
        assert smudge(LocalStore(store.root), together) == smudge(store, one_by_one)


def test_they_are_combined_at_once(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    base, sides = versions(store, *map(network, range(3)))
    monkeypatch.setattr(Combiner, "combine", None)
    assert merge(store, base, sides).manifest


def test_the_smallest_are_stored_as_bytes_and_others_as_recipes(store: LocalStore) -> None:
    base, sides = versions(store, *map(network, range(3)))
    merged = merge(store, base, sides).manifest
    assert merged
    for entry in merged.entries:
        assert (entry.source.update == "recipe") == (entry.spec.nbytes > 256)
        assert (entry.source.place is None) == (entry.spec.nbytes > 256)
    assert len({entry.source.payload for entry in merged.entries if entry.source.update == "recipe"}) == 1


def test_gradients_groups_and_other_methods_are_combined_one_by_one(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, sides = versions(store, *map(network, range(3)))
    combined: list[str] = []
    actual = Combiner.combine

    def combine(self: Combiner, plan: Any, rule: MergeRule, position: float = 0.0) -> Any:
        combined.append(plan.name)
        return actual(self, plan, rule, position)

    monkeypatch.setattr(Combiner, "combine", combine)
    gradual = MergeRule("linear", (("weights", "layers:0..1,0.5"),), ("*.bias",))
    merge(store, base, sides, MergeRule("average"), gradual, MergeRule("slerp", (), ("*.norm",)))
    assert {name.partition(".")[2] for name in combined} == {"bias", "norm"}


def test_a_rule_for_some_parameters_is_for_them(store: LocalStore) -> None:
    base, sides = versions(store, *map(network, range(3)))
    merged = merge(store, base, sides, MergeRule("average"), MergeRule("average-all", (), ("1.*",))).manifest
    assert merged
    arrays = [network(seed) for seed in range(3)]
    from safetensors.numpy import load

    found = load(smudge(store, merged))
    for name, array in found.items():
        taking_part = arrays if name.startswith("1.") else arrays[1:]
        exact = sum(each[name].astype("f8") for each in taking_part) / len(taking_part)
        np.testing.assert_allclose(array, exact, rtol=1e-3)


def test_equal_results_and_equal_sides_are_sources_that_exist(store: LocalStore) -> None:
    zero = {f"{n}.z": np.full(8, n, "f4") for n in range(4)}
    up, down = ({name: array + step for name, array in zero.items()} for step in (1, -1))
    base, sides = versions(store, network(0, **zero), network(1, **up), network(2, **down))
    merged = merge(store, base, sides).manifest
    assert merged
    for name in zero:
        assert merged.by_name[name] == base.by_name[name], "the average is the base"


def test_elements_that_become_infinite_are_told_by_parameter(store: LocalStore) -> None:
    large = np.full(8, 6e4, "f2")
    models = [network(seed, **{"0.big": large * (seed > 0)}) for seed in range(3)]
    models[2]["0.big"] = large - 32
    base, sides = versions(store, *models)
    rule = MergeRule("linear", (("normalize", "false"),))
    merged = merge(store, base, sides, rule)
    assert [(found.name, found.infinities) for found in merged.non_finite] == [("0.big", 8)]


def test_values_with_a_nan_are_stored_as_bytes(store: LocalStore) -> None:
    models = [network(seed) for seed in range(3)]
    models[1]["3.norm"][5] = np.nan
    base, sides = versions(store, *models)
    merged = merge(store, base, sides)
    assert not merged.non_finite
    assert merged.manifest
    assert {entry.source.update for entry in merged.manifest.entries} <= {"dense", "steps", "recipe"}
    assert merged.manifest.by_name["3.norm"].source.update != "recipe"
    smudge(LocalStore(store.root), merged.manifest)
