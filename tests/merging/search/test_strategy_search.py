from __future__ import annotations

from collections.abc import Callable

import pytest

from git_theta.merging.rules import MergeRule
from git_theta.merging.search.strategy_search import (
    SEARCHED,
    MergeTrial,
    search_strategies,
    searched_strategies,
)
from git_theta.strategies.gradients import at_position


def scored(score: Callable[[str, dict[str, str]], float | None]) -> Callable[[MergeRule], MergeTrial]:
    return lambda rule: MergeTrial(rule, score(rule.strategy, dict(rule.options)), cost=1)


def rules(*names: str) -> list[MergeRule]:
    return [MergeRule(name) for name in names]


def best(trials: list[MergeTrial]) -> MergeRule:
    return max(trials, key=lambda trial: trial.score or 0).rule


def near(text: str, wanted: float) -> float:
    """1 where the first and the last layer have a number, less where they're off."""
    return 1 - sum(abs(float(at_position(text, layer)) - wanted) for layer in (0.0, 1.0)) / 2


def test_strategies_that_fit() -> None:
    assert searched_strategies(2, has_base=True) == list(SEARCHED)
    assert "slerp" not in searched_strategies(3, has_base=True)
    assert "ties" not in searched_strategies(2, has_base=False)
    assert "average" in searched_strategies(2, has_base=False)


def test_defaults_come_first_and_then_options_of_the_best() -> None:
    trials = search_strategies(
        rules("average", "ties", "slerp"),
        2,
        scored(lambda name, options: near(options.get("t", "0.5"), 0.3) if name == "slerp" else 0.1),
        30,
    )
    assert [trial.rule.strategy for trial in trials[:3]] == ["average", "ties", "slerp"]
    assert len(trials) <= 30
    found = dict(best(trials).options)["t"]
    assert abs(float(found) - 0.3) <= 0.05


def test_several_options_are_searched_in_turn() -> None:
    def score(_name: str, options: dict[str, str]) -> float:
        return near(options.get("density", "1"), 0.75) + near(options.get("scale", "1"), 1.4)

    found = dict(best(search_strategies(rules("ties"), 2, scored(score), 40)).options)
    assert (found["density"], found["scale"]) == ("0.75", "1.4")


def test_numbers_that_change_from_layer_to_layer() -> None:
    def score(_name: str, options: dict[str, str]) -> float:
        t = options.get("t", "0.5")
        return near(at_position(t, 0.0), 0.1) + near(at_position(t, 1.0), 0.9)

    found = dict(best(search_strategies(rules("slerp"), 2, scored(score), 40)).options)["t"]
    assert float(at_position(found, 0.0)) < 0.2
    assert float(at_position(found, 1.0)) > 0.8


def test_options_of_the_user_stay() -> None:
    given = MergeRule("ties", (("scale", "0.3"),))
    trials = search_strategies([given], 2, scored(lambda _name, _options: 0.5), 30)
    assert {dict(trial.rule.options)["scale"] for trial in trials} == {"0.3"}
    assert len({trial.rule for trial in trials}) == len(trials)


@pytest.mark.parametrize(("budget", "cost", "tried"), [(0, 1, 0), (2, 1, 2), (5, 2, 2)])
def test_the_budget(budget: int, cost: int, tried: int) -> None:
    def attempt(rule: MergeRule) -> MergeTrial:
        return MergeTrial(rule, 0.5, cost)

    assert len(search_strategies(rules(*SEARCHED), 2, attempt, budget, cost)) == tried


def test_a_search_ends_without_a_score() -> None:
    trials = search_strategies(rules("average", "ties"), 2, lambda rule: MergeTrial(rule, None), 30)
    assert len(trials) == 2


def test_a_search_whose_results_are_all_alike_ends() -> None:
    """Trials whose result was tested before cost nothing."""
    trials = search_strategies(rules("ties"), 2, lambda rule: MergeTrial(rule, 0.5), 30)
    assert len(trials) < 60
