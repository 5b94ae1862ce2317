"""Inference on families whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.lineage.inference.infer import Inference, infer
from tests.helpers import families
from tests.helpers.families import Arrays, Family, random_family, sampled


def inferred(models: dict[str, Arrays], ages: dict[str, int] | None = None) -> Inference:
    return infer([sampled(name, arrays, (ages or {}).get(name)) for name, arrays in models.items()])


def pairs(found: Inference) -> set[tuple[str, str, str]]:
    return {(edge.child, edge.parent, edge.relation) for edge in found.edges if edge.is_directed}


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize("change", ["finetune", "frozen", "lora"])
def test_a_child_without_a_direction(change: str, random: np.random.Generator) -> None:
    base = families.base(random)
    models = {"a": base, "b": families.CHANGES[change](random, base)}
    (edge,) = inferred(models).edges
    assert ({edge.child, edge.parent}, edge.is_directed) == ({"a", "b"}, False)
    assert pairs(inferred(models, {"a": 4, "b": 2})) == {("a", "b", "finetune")}
    assert inferred(models, {"a": 1, "b": 1}).edges == (edge,)


@pytest.mark.parametrize(
    ("change", "relation"), [("pruned", "pruned"), ("halved", "cast"), ("quantised", "quantized")]
)
def test_changes_that_cant_be_undone_tell_the_direction(
    change: str, relation: str, random: np.random.Generator
) -> None:
    base = families.base(random)
    changes = {**families.CHANGES, "quantised": families.quantised}
    assert pairs(inferred({"a": changes[change](random, base), "b": base})) == {("a", "b", relation)}


def test_a_larger_vocabulary(random: np.random.Generator) -> None:
    base = {**families.base(random), "embed": random.standard_normal((60, 48)).astype("f4")}
    wider = families.tuned(random, base, 0.01)
    wider["embed"] = np.concatenate([wider["embed"], random.standard_normal((4, 48)).astype("f4")])
    assert pairs(inferred({"a": base, "b": wider})) == {("b", "a", "extended")}


def test_a_chain_and_siblings(random: np.random.Generator) -> None:
    base = families.base(random)
    one = families.tuned(random, base)
    models = {
        "base": base,
        "one": one,
        "two": families.tuned(random, one),
        "other": families.tuned(random, base),
    }
    found = inferred(models, {name: number for number, name in enumerate(models)})
    assert {(edge.child, edge.parent) for edge in found.edges} == {
        ("one", "base"),
        ("two", "one"),
        ("other", "base"),
    }


def test_merges_have_weights(random: np.random.Generator) -> None:
    base = families.base(random)
    one, other, third = (families.tuned(random, base) for _ in range(3))
    soup = {name: ((one[name] + other[name] + third[name]) / 3).astype("f4") for name in base}
    models = {
        "base": base,
        "a": one,
        "b": other,
        "c": third,
        "ab": families.mixed(one, other, 0.7),
        "soup": soup,
    }
    found = inferred(models)
    merges = {(edge.child, edge.parent): edge.evidence[0] for edge in found.edges if edge.relation == "merge"}
    assert merges == {
        ("ab", "a"): "weight 0.7",
        ("ab", "b"): "weight 0.3",
        ("soup", "a"): "weight 0.333",
        ("soup", "b"): "weight 0.333",
        ("soup", "c"): "weight 0.333",
    }


def test_other_names_in_front(random: np.random.Generator) -> None:
    base = families.base(random)
    new = {f"module.{name}": value for name, value in families.tuned(random, base).items()}
    assert pairs(inferred({"a": base, "b": new}, {"a": 0, "b": 1})) == {("b", "a", "finetune")}


def test_values_in_common_under_any_name(random: np.random.Generator) -> None:
    base = families.base(random)
    rest = families.base(random)
    new = {**{f"new.{name}": value for name, value in rest.items()}, "copied": base["l.0.weight"]}
    (edge,) = inferred({"a": base, "b": new}).edges
    assert {edge.child, edge.parent} == {"a", "b"}
    assert "% of its bytes are equal" in edge.evidence[0]


def test_strangers_and_aliases(random: np.random.Generator) -> None:
    base = families.base(random)
    models = {"a": base, "copy": base, "stranger": families.base(random), "odd": {"x": np.ones(9, "f4")}}
    found = inferred(models, {"copy": 0, "a": 1, "stranger": 0, "odd": 0})
    assert found.aliases == (("copy", "a"),)
    assert found.edges == ()
    assert set(found.unknown) == {"copy", "stranger", "odd"}
    assert found.unknown["copy"] == "no model here is like it but those that are the same"
    assert found.unknown["stranger"] == "no other model here is like it"


def test_an_adapter(random: np.random.Generator) -> None:
    base = families.base(random)
    other = {name: value[:24, :24] if value.ndim == 2 else value[:24] for name, value in base.items()}
    factors = {
        f"base_model.model.l.{i}.lora_{part}.weight": random.standard_normal(shape).astype("f4")
        for i in range(2)
        for part, shape in (("A", (4, 48)), ("B", (48, 4)))
    }
    assert pairs(inferred({"base": base, "small": other, "lora": factors})) == {("lora", "base", "adapter")}
    twice = inferred({"base": base, "twin": families.base(random), "lora": factors})
    assert twice.unknown["lora"] == "its factors fit 2 models"


def score(family: Family, found: Inference) -> tuple[float, float]:
    """F1 of undirected edges, and the share of right directions of those answered."""
    truth = {frozenset(edge) for edge in family.edges}
    given = {frozenset((edge.child, edge.parent)) for edge in found.edges}
    answered = [(e.child, e.parent) for e in found.edges if e.is_directed]
    known = [pair for pair in answered if frozenset(pair) in truth]
    right = sum(pair in family.edges for pair in known)
    return 2 * len(truth & given) / (len(truth) + len(given)), right / max(1, len(known))


@pytest.mark.parametrize(
    "seed", [pytest.param(seed, marks=pytest.mark.slow if seed else ()) for seed in range(30)]
)
@pytest.mark.parametrize("with_time", [True, False])
def test_trees_of_fifty_models(seed: int, with_time: bool) -> None:
    family = random_family(seed, 50)
    ages = {name: number for number, name in enumerate(family.models)} if with_time else {}
    found = inferred(dict(family.models), ages)
    f1, right = score(family, found)
    assert f1 >= 0.9
    assert right >= 0.9
    assert not found.unknown


def test_families_are_kept_apart() -> None:
    several = [random_family(seed, 12, prefix=f"f{seed}.") for seed in range(3)]
    models = {name: arrays for family in several for name, arrays in family.models.items()}
    found = inferred(models)
    assert found.edges
    assert all(edge.child[:3] == edge.parent[:3] for edge in found.edges)


def test_pruned_strangers_are_strangers(random: np.random.Generator) -> None:
    def mostly_zeros(model: Arrays) -> Arrays:
        return {
            name: np.where(np.abs(value) < np.quantile(np.abs(value), 0.95), 0, value).astype("f4")
            if value.ndim == 2
            else value
            for name, value in model.items()
        }

    one, other = families.base(random), families.base(random)
    models = {"one": one, "a": mostly_zeros(one), "other": other, "b": mostly_zeros(other)}
    assert pairs(inferred(models)) == {("a", "one", "pruned"), ("b", "other", "pruned")}


def test_packed_codes_bring_no_others_near(random: np.random.Generator) -> None:
    base = families.base(random)
    tuned = [families.tuned(random, base) for _ in range(3)]
    # Few parameters of the packed model can be compared, and these are as in its parent.
    codes = {f"l.{layer}.weight": random.integers(0, 255, (48, 24)).astype("u1") for layer in (1, 2, 3)}
    packed = {**tuned[0], **codes}
    models = {"base": base, "one": tuned[0], "two": tuned[1], "three": tuned[2], "packed": packed}
    models["merge"] = families.mixed(tuned[0], tuned[1], 0.6)
    found = inferred(models, {name: number for number, name in enumerate(models)})
    assert {(edge.child, edge.parent) for edge in found.edges} == {
        ("one", "base"),
        ("two", "base"),
        ("three", "base"),
        ("packed", "one"),
        ("merge", "one"),
        ("merge", "two"),
    }


def test_of_two_about_as_near_that_with_the_same_parameters(random: np.random.Generator) -> None:
    base = families.base(random)
    head = {"head": random.standard_normal((20, 48)).astype("f4")}
    step = {name: value - base[name] for name, value in families.tuned(random, base, 0.3).items()}
    # A model with a head, and a long training that went a little in the same direction.
    tuned = {name: base[name] + 0.02 * step[name] for name in base} | head
    far = families.tuned(random, {name: base[name] + 0.03 * step[name] for name in base}, 0.3)
    found = inferred({"base": base, "tuned": tuned, "later": far}, {"base": 0, "tuned": 1, "later": 2})
    assert {(edge.child, edge.parent) for edge in found.edges} == {("tuned", "base"), ("later", "base")}


def test_a_chain_of_pruning_with_training(random: np.random.Generator) -> None:
    models = {"dense": families.base(random)}
    last = models["dense"]
    moved = {name: random.random(value.shape) < 0.4 for name, value in last.items()}
    for share in (0.5, 0.7, 0.8, 0.9):
        new = {}
        for name, value in last.items():
            limit = np.quantile(np.abs(value), share) if value.ndim == 2 else 0.0
            # Many weights have no gradient, and are the same in all versions.
            step = 0.2 * float(value.std()) * random.standard_normal(value.shape) * moved[name]
            new[name] = np.where(np.abs(value) < limit, 0, value + step).astype("f4")
        models[f"{share}"] = last = new
    names = list(models)
    assert {(child, parent) for child, parent, _ in pairs(inferred(models))} == set(
        zip(names[1:], names, strict=False)
    )


def test_a_mean_beside_the_mean_of_some_of_its_parents(random: np.random.Generator) -> None:
    base = families.base(random)
    one, other, third = (families.tuned(random, base) for _ in range(3))
    models = {"base": base, "a": one, "b": other, "c": third, "ab": families.mixed(one, other, 0.5)}
    models["abc"] = {name: ((one[name] + other[name] + third[name]) / 3).astype("f4") for name in base}
    found = inferred(models, {name: number for number, name in enumerate(models)})
    merges = {(edge.child, edge.parent) for edge in found.edges if edge.relation == "merge"}
    assert merges == {("ab", "a"), ("ab", "b"), ("abc", "a"), ("abc", "b"), ("abc", "c")}


def test_outputs_of_one_training_have_one_parent(random: np.random.Generator) -> None:
    base = families.base(random)
    trunk = families.tuned(random, base)
    outputs = {
        task: trunk | {"head": random.standard_normal((20, 48)).astype("f4")} for task in ("a", "b", "c", "d")
    }
    later = families.tuned(random, outputs["c"], 0.005)
    ages = {"base": 0, **dict.fromkeys(outputs, 1), "later": 2}
    found = inferred({"base": base, **outputs, "later": later}, ages)
    assert {(edge.child, edge.parent) for edge in found.edges} == {
        *((task, "base") for task in outputs),
        ("later", "c"),
    }


def test_rounds_of_a_federation(random: np.random.Generator) -> None:
    current = families.base(random)
    models, ages, truth = {"global": current}, {"global": 0}, set()
    # Each client's data pull its model in one direction in each round.
    pulls = [families.tuned(random, current, 0.05) for _ in range(4)]
    pulls = [{name: pull[name] - current[name] for name in pull} for pull in pulls]
    above = "global"
    for number in range(3):
        clients = {}
        for client, pull in enumerate(pulls):
            new = families.tuned(random, current, 0.01)
            clients[f"{number}.{client}"] = {name: (new[name] + pull[name]).astype("f4") for name in new}
        truth |= {(name, above) for name in clients}
        above = f"mean.{number}"
        truth |= {(above, name) for name in clients}
        current = {
            name: np.mean([client[name] for client in clients.values()], axis=0, dtype="f4")
            for name in current
        }
        models |= clients | {above: current}
        ages |= dict.fromkeys(clients, 2 * number + 1) | {above: 2 * number + 2}
    found = inferred(models, ages)
    assert {(edge.child, edge.parent) for edge in found.edges if edge.is_directed} == truth
