from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from git_theta.lossy.search import Plan, coarsest_plan

LEVELS = 9
EXACT = LEVELS - 1


def sized(weights: dict[str, int]) -> Callable[[str, int], int]:
    """Bytes that grow with the level."""
    return lambda name, level: weights[name] * (level + 1)


def damage(sensitivities: dict[str, float]) -> Callable[[Plan], float]:
    """The sum of what each parameter's coarseness costs: twice as much a level."""
    return lambda plan: sum(
        sensitivities[name] * (2.0 ** (EXACT - level) - 1) for name, level in plan.items()
    )


def test_a_model_that_holds_whatever_happens_gets_the_coarsest_level() -> None:
    found = coarsest_plan(["a", "b"], sized({"a": 9, "b": 1}), lambda _plan: True, LEVELS, 16)
    assert (found.plan, found.uniform, found.is_cut) == ({"a": 0, "b": 0}, 0, False)
    assert found.runs <= 4


def test_a_model_that_nothing_may_be_changed_of_stays_exact() -> None:
    measured: list[Plan] = []

    def holds(plan: Plan) -> bool:
        measured.append(plan)
        return False

    found = coarsest_plan(["a", "b"], sized({"a": 9, "b": 1}), holds, LEVELS, 16)
    assert found.plan == {"a": EXACT, "b": EXACT}
    assert found.runs == len(measured) == 5
    assert {"a": EXACT, "b": EXACT} not in measured


def test_only_the_sensitive_parameter_keeps_a_finer_level() -> None:
    names = [f"layer.{number}" for number in range(16)]
    cost = damage({name: 10.0 if name == "layer.7" else 0.001 for name in names})
    found = coarsest_plan(names, sized(dict.fromkeys(names, 100)), lambda plan: cost(plan) <= 40, LEVELS, 60)
    assert found.plan["layer.7"] > 5
    assert {found.plan[name] for name in names if name != "layer.7"} == {0}
    assert found.runs < 40


def test_the_largest_parameters_are_coarsened_first() -> None:
    names = ["small", "huge", "large"]
    sizes = sized({"small": 10, "huge": 1000, "large": 200})
    found = coarsest_plan(names, sizes, lambda plan: sum(plan.values()) >= 11, LEVELS, 60)
    assert found.plan["huge"] < found.plan["large"]


def test_a_similar_model_takes_two_runs() -> None:
    names = ["a"]
    found = coarsest_plan(names, sized({"a": 5}), lambda plan: plan["a"] >= 3, LEVELS, 16, start=3)
    assert (found.plan, found.runs) == ({"a": 3}, 2)
    worse = coarsest_plan(names, sized({"a": 5}), lambda plan: plan["a"] >= 4, LEVELS, 16, start=3)
    assert (worse.plan, worse.runs) == ({"a": 4}, 2)


def test_levels_that_take_more_bytes_than_the_exact_value_are_exact() -> None:
    def size(name: str, level: int) -> int:
        return 10 if level == EXACT else 20 if name == "dear" else level

    found = coarsest_plan(["dear", "cheap"], size, lambda _plan: True, LEVELS, 16)
    assert found.plan == {"dear": EXACT, "cheap": 0}


@pytest.mark.parametrize("budget", [0, 1, 2, 5])
def test_a_budget_is_kept(budget: int) -> None:
    names = [str(number) for number in range(8)]
    cost = damage(dict.fromkeys(names, 1.0))
    found = coarsest_plan(
        names, sized(dict.fromkeys(names, 7)), lambda plan: cost(plan) <= 30, LEVELS, budget
    )
    assert found.runs <= budget
    assert found.is_cut
    assert cost(found.plan) <= 30


@given(
    st.lists(st.tuples(st.integers(0, 50), st.floats(0, 4)), min_size=0, max_size=12),
    st.floats(0, 100),
    st.integers(0, 40),
    st.one_of(st.none(), st.integers(-2, 12)),
)
def test_plans_hold(
    parameters: list[tuple[int, float]], allowed: float, budget: int, start: int | None
) -> None:
    names = [str(number) for number in range(len(parameters))]
    cost = damage({name: each[1] for name, each in zip(names, parameters, strict=True)})
    size = sized({name: each[0] for name, each in zip(names, parameters, strict=True)})
    measured: list[Plan] = []

    def holds(plan: Plan) -> bool:
        assert plan not in measured
        measured.append(plan)
        return cost(plan) <= allowed

    found = coarsest_plan(names, size, holds, LEVELS, budget, start)
    assert len(measured) == found.runs <= budget
    assert cost(found.plan) <= allowed
    assert set(found.plan) == set(names)
    if not found.is_cut:
        # Not even the parameter that saves the most could get a coarser level alone, or it hardly pays.
        total = sum(size(name, level) for name, level in found.plan.items())
        for name in names:
            level = found.plan[name]
            if (
                level == found.uniform
                and level > 0
                and size(name, level) - size(name, level - 1) > 0.01 * total
            ):
                assert cost({**found.plan, name: level - 1}) > allowed


@given(st.randoms(use_true_random=False), st.integers(1, 10), st.integers(0, 30))
def test_tests_that_follow_no_rule_end_too(random: Random, count: int, budget: int) -> None:
    names = [str(number) for number in range(count)]
    passed: list[Plan] = []

    def holds(plan: Plan) -> bool:
        if random.random() < 0.5:
            passed.append(plan)
            return True
        return False

    found = coarsest_plan(names, sized(dict.fromkeys(names, 3)), holds, LEVELS, budget)
    assert found.plan in passed or set(found.plan.values()) == {EXACT}
