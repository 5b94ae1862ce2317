"""Merges carried out, without Git."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load

from git_theta.clean import Cleaner, same_content
from git_theta.errors import UsageError
from git_theta.merging.execute import Merger
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from tests.helpers.checkpoints import safetensors_bytes

Weights = dict[str, NDArray[Any]]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "theta")


def stored(store: LocalStore, weights: Weights, *previous: Manifest) -> Manifest:
    return Cleaner(store).clean(memoryview(safetensors_bytes(weights)), previous).manifest


def written(store: LocalStore, manifest: Manifest, path: Path) -> Weights:
    with path.open("wb+") as file:
        Smudger(store).smudge(parse_manifest(manifest.to_bytes()), file.fileno())
    return load(path.read_bytes())


def weights(seed: int, dtype: str = "f4", **more: NDArray[Any]) -> Weights:
    random = np.random.default_rng(seed)
    return {**{f"w{i}": random.standard_normal((30, 20)).astype(dtype) for i in range(3)}, **more}


def merge(
    store: LocalStore, base: Weights, *sides: Weights, rules: MergeRules | None = None
) -> tuple[Manifest, list[Manifest]]:
    first = stored(store, base)
    manifests = [stored(store, side, first) for side in sides]
    merged = Merger(store).merge(first, manifests, rules or MergeRules())
    assert merged.manifest is not None, merged.conflicts
    return merged.manifest, manifests


def test_equal_sides_are_the_result(store: LocalStore) -> None:
    merged, (ours, _) = merge(store, weights(0), weights(1), weights(1))
    assert merged == ours


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_an_average_is_the_average(store: LocalStore, tmp_path: Path, dtype: str) -> None:
    ours, theirs = weights(1, dtype), weights(2, dtype)
    merged, _ = merge(store, weights(0, dtype), ours, theirs)
    found = written(store, merged, tmp_path / "out")
    for name, array in found.items():
        exact = (ours[name].astype("f8") + theirs[name].astype("f8")) / 2
        np.testing.assert_array_equal(array, exact.astype(dtype))
    assert {entry.source.update for entry in merged.entries} == {"recipe"}
    assert len({entry.source.payload for entry in merged.entries}) == 1


def test_chains_of_merges_end(store: LocalStore, tmp_path: Path) -> None:
    base = weights(0)
    first = stored(store, base)
    current, expected = stored(store, weights(1), first), weights(1)
    for seed in range(2, 12):
        merged = Merger(store).merge(first, [current, stored(store, weights(seed), first)], MergeRules())
        assert merged.manifest is not None
        current = merged.manifest
        other = weights(seed)
        expected = {n: ((a.astype("f8") + other[n]) / 2).astype("f4") for n, a in expected.items()}
        assert max(sum(1 for _ in entry.source.payloads()) for entry in current.entries) < 16
    found = written(store, current, tmp_path / "out")
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array)


def test_a_result_that_is_a_side_is_that_side(store: LocalStore) -> None:
    rules = MergeRules((MergeRule("linear", (("weights", "1,0"),)),))
    merged, (ours, _) = merge(store, weights(0), weights(1), weights(2), rules=rules)
    assert same_content(merged, ours)
    assert [entry.source for entry in merged.entries] == [entry.source for entry in ours.entries]


def test_three_sides(store: LocalStore, tmp_path: Path) -> None:
    base = weights(0)
    sides = [{**base, "w0": base["w0"] + np.float32(change)} for change in (1, 2, 4)]
    sides[2]["w1"] = base["w1"] + np.float32(1)
    merged, _ = merge(store, base, *sides)
    found = written(store, merged, tmp_path / "out")
    exact = sum(side["w0"].astype("f8") for side in sides) / 3
    np.testing.assert_array_equal(found["w0"], np.asarray(exact).astype("f4"))
    np.testing.assert_array_equal(found["w1"], sides[2]["w1"])


def test_weights_are_those_of_the_sides_that_changed(store: LocalStore, tmp_path: Path) -> None:
    base = weights(0)
    sides = [base, {**base, "w0": base["w0"] + np.float32(1)}, {**base, "w0": base["w0"] + np.float32(3)}]
    rules = MergeRules((MergeRule("linear", (("weights", "5,1,3"),)),))
    merged, _ = merge(store, base, *sides, rules=rules)
    found = written(store, merged, tmp_path / "out")
    exact = (sides[1]["w0"].astype("f8") + 3 * sides[2]["w0"].astype("f8")) / 4
    np.testing.assert_array_equal(found["w0"], exact.astype("f4"))


def test_a_plan_combines_nothing(store: LocalStore) -> None:
    first = stored(store, weights(0))
    sides = [stored(store, weights(seed), first) for seed in (1, 2)]
    before = set(store.list())
    plan = Merger(store).plan(first, sides, MergeRules())
    assert plan.manifest is None
    assert not plan.conflicts
    assert [parameter.outcome for parameter in plan.parameters] == [MergeRule("average")] * 3
    assert set(store.list()) == before


def test_options_that_do_not_fit_are_an_error(store: LocalStore) -> None:
    rules = MergeRules((MergeRule("linear", (("weights", "1,2,3"),)),))
    with pytest.raises(UsageError, match="3 weights are given for 2 models"):
        merge(store, weights(0), weights(1), weights(2), rules=rules)


def test_a_parameter_called_layout(store: LocalStore, tmp_path: Path) -> None:
    one = {"layout": np.zeros((4, 4), "f4"), "w": np.zeros(3, "f4")}
    ours, theirs = {**one, "a": np.ones(2, "f4")}, {**one, "layout": np.ones((4, 4), "f4"), "b": np.ones(1)}
    merged, _ = merge(store, one, ours, theirs)
    found = written(store, merged, tmp_path / "out")
    assert found.keys() == {"layout", "w", "a", "b"}
    np.testing.assert_array_equal(found["layout"], theirs["layout"])


EDITS = st.dictionaries(
    st.sampled_from([f"p{i}" for i in range(6)]), st.one_of(st.none(), st.integers(1, 3)), max_size=5
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EDITS, EDITS)
def test_disjoint_edits_commute(
    store: LocalStore, tmp_path: Path, ours: Mapping[str, int | None], theirs: Mapping[str, int | None]
) -> None:
    """Additions, removals and changes of different parameters: both orders give what both did."""
    theirs = {name: edit for name, edit in theirs.items() if name not in ours}
    base: Weights = {f"p{i}": np.full((3, 2), i, "f4") for i in range(0, 6, 2)}
    base["kept"] = np.ones(1, "f4")

    def edited(start: Weights, edits: Mapping[str, int | None]) -> Weights:
        made = {**start, **{n: np.full((2, 2), 10.0 * v, "f4") for n, v in edits.items() if v}}
        return {name: array for name, array in made.items() if edits.get(name, 1)}

    expected = edited(edited(base, ours), theirs)
    for sides in ((ours, theirs), (theirs, ours)):
        merged, _ = merge(store, base, *(edited(base, edits) for edits in sides))
        found = written(store, merged, tmp_path / "out")
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(found[name], array)


SCALED = MergeRules((MergeRule("linear", (("normalize", "false"), ("weights", "1,1"))),))


def large(store: LocalStore) -> tuple[Manifest, list[Manifest]]:
    """Two halves of which the second one overflows float16 when its versions are added."""
    made = [
        {"big": np.array([[1.0, number], [-number, np.inf]], "f2"), "w": np.full(3, number, "f2")}
        for number in (0.0, 30000.0, 40000.0)
    ]
    base, *sides = (stored(store, each) for each in made)
    return base, sides


def test_new_elements_that_are_not_finite_are_counted(store: LocalStore) -> None:
    base, sides = large(store)
    merged = Merger(store).merge(base, sides, SCALED)
    assert merged.manifest is not None
    found = {each.name: (each.nans, each.infinities) for each in merged.non_finite}
    assert found == {"big": (0, 2), "w": (0, 3)}
    assert Merger(store).merge(base, sides, MergeRules()).non_finite == ()


def test_such_elements_can_be_refused(store: LocalStore) -> None:
    base, sides = large(store)
    strict = Merger(store, finite=True)
    merged = strict.merge(base, sides, SCALED)
    assert merged.manifest is None
    assert {each.name for each in merged.conflicts} == {"big", "w"}
    assert "of 4 elements in F16, 2 infinite, which no version has" in {
        each.reason for each in merged.conflicts
    }
    settled = strict.merge(base, sides, MergeRules(SCALED.rules, (MergeRule("theirs"),)))
    assert settled.manifest is not None
    assert settled.manifest.by_name["big"].digest == sides[1].by_name["big"].digest
    # A way out that overflows, too, is none.
    assert strict.merge(base, sides, MergeRules(SCALED.rules, SCALED.rules)).manifest is None


def test_a_gradient_has_another_number_in_each_layer(store: LocalStore, tmp_path: Path) -> None:
    """Also for layers whose values are equal in all versions, such as norms that are still all ones."""
    names = [f"model.layers.{i}.norm" for i in range(3)]
    base, ours, theirs = (
        {name: np.full(4, value, "f4") for name in (*names, "embed")} for value in (1.0, 0.0, 8.0)
    )
    rule = MergeRule("slerp", (("t", "layers:0..1"), ("threshold", "-1")))
    merged, _ = merge(store, base, ours, theirs, rules=MergeRules((rule,)))
    found = written(store, merged, tmp_path / "out")
    assert [found[name][0] for name in names] == [0.0, 4.0, 8.0]
    assert found["embed"][0] == 0.0


def test_a_weighted_sum_is_also_of_models_that_are_equal(store: LocalStore, tmp_path: Path) -> None:
    """Weights that sum to 0.8 make 0.8 times what nobody changed."""
    base = weights(0)
    sides = [{**base, "w0": weights(seed)["w0"]} for seed in (1, 2)]
    options = (("normalize", "false"), ("weights", "0.5,0.3"))
    for everywhere in (True, False):
        rules = MergeRules((MergeRule("linear", options, all_parameters=everywhere),))
        found = written(store, merge(store, base, *sides, rules=rules)[0], tmp_path / "merged")
        exact = 0.5 * sides[0]["w0"].astype("f8") + 0.3 * sides[1]["w0"].astype("f8")
        np.testing.assert_array_equal(found["w0"], exact.astype("f4"))
        factor = 0.8 if everywhere else 1
        np.testing.assert_allclose(found["w1"], factor * base["w1"].astype("f8"), rtol=1e-6)
