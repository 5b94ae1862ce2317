from __future__ import annotations

from git_theta.lineage.structure.possible_conflicts import PossibleConflict, possible_conflicts
from git_theta.model.tensor import TensorSpec

CHAIN = [f"{i}.weight" for i in range(5)]


def found(names: list[str], *changed: list[str]) -> list[tuple[str, str]]:
    specs = {name: TensorSpec("F32", (2, 2)) for name in names}
    conflicts = possible_conflicts(specs, changed)
    assert all(isinstance(each, PossibleConflict) for each in conflicts)
    return [(each.source, each.target) for each in conflicts]


def test_neighbours() -> None:
    assert found(CHAIN, ["1.weight"], ["2.weight"]) == [("1", "2")]
    assert found(CHAIN, ["2.weight"], ["1.weight"]) == [("1", "2")]
    assert found(CHAIN, ["0.weight", "4.weight"], ["1.weight", "3.weight"]) == [("0", "1"), ("3", "4")]


def test_modules_that_do_not_feed_each_other() -> None:
    assert found(CHAIN, ["1.weight"], ["3.weight"]) == []
    parallel = ["attn.q.weight", "attn.k.weight", "attn.out_proj.weight"]
    assert found(parallel, ["attn.q.weight"], ["attn.k.weight"]) == []
    assert found(parallel, ["attn.q.weight"], ["attn.out_proj.weight"]) == [("attn.q", "attn.out_proj")]


def test_one_side_alone() -> None:
    assert found(CHAIN, CHAIN, []) == []
    assert found(CHAIN, [], []) == []
    assert found(CHAIN, ["1.weight"], ["1.weight"]) == []


def test_several_sides_changed_a_module() -> None:
    assert found(CHAIN, ["1.weight", "2.weight"], ["2.weight"]) == [("1", "2")]
    assert len(found(CHAIN, CHAIN, CHAIN)) == 4
    assert found(CHAIN, ["0.weight"], ["2.weight"], ["1.weight"]) == [("0", "1"), ("1", "2")]


def test_parameters_of_one_module() -> None:
    names = ["a.weight", "a.bias", "b.weight"]
    assert found(names, ["a.weight"], ["a.bias"]) == []


def test_state_of_an_optimizer_does_not_count() -> None:
    names = ["a.weight", "optimizer/state/0/exp_avg"]
    assert found(names, ["a.weight"], ["optimizer/state/0/exp_avg"]) == []
