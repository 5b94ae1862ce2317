"""A deterministic search of merge strategies: all with their defaults, then options of the best ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from git_theta import strategies
from git_theta.merging.rules import MergeRule
from git_theta.merging.search.dimensions import Anchors, OptionKind, OptionPoint, SearchedOption, start_of
from git_theta.strategies.base import Strategy

#: Strategies that a search tries unless the user names one, in this order.
SEARCHED = (
    *("average", "task-arithmetic", "ties", "slerp", "model-stock", "breadcrumbs"),
    *("della", "dare-ties", "sce", "arcee-fusion"),
)

#: Strategies whose options are searched.
_REFINED = 2

#: The smallest step.
_FINEST = 0.05


@dataclass(frozen=True, slots=True)
class MergeTrial:
    """A rule that was tried.

    Attributes:
        rule: The rule.
        score: The score of the result, higher is better; `None` if there's none.
        cost: The number of tests that it took, also of earlier runs.
        values: The metric of each model.
        digests: The digest of each merged model.
        problem: The reason why there's no score; else empty.
    """

    rule: MergeRule
    score: float | None
    cost: int = 0
    values: Mapping[str, float | None] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def searched_strategies(models: int, *, has_base: bool) -> list[str]:
    """Names of the strategies that can merge a number of models, with or without a merge base."""
    found = []
    for name in SEARCHED:
        strategy = strategies.registry().get(name)
        fits = strategy.max_models is None or models <= strategy.max_models
        if fits and (has_base or not strategy.needs_base):
            found.append(name)
    return found


def first_rules(given: Sequence[MergeRule], models: int) -> list[MergeRule]:
    """The rules that a search tries in any case, as far as its budget goes, in their order.

    Args:
        given: The strategies, as rules.
        models: The number of models that are merged.
    """
    return [start.rule_at(start.point) for start in _starts(given, models)]


def search_strategies(
    given: Sequence[MergeRule],
    models: int,
    attempt: Callable[[MergeRule], MergeTrial],
    budget: int,
    cost: int = 1,
) -> list[MergeTrial]:
    """Try rules with the given strategies and options, until the budget is spent.

    Every strategy is tried with its defaults first. The options of the best two follow, one after the other
    and in ever smaller steps, then numbers that change from the first layer to the last.

    Args:
        given: The strategies, as rules; options that these have stay as they are.
        models: The number of models that are merged.
        attempt: Merges by a rule, and scores the result.
        budget: The number of tests, at most.
        cost: The number of tests that a trial takes, at most.

    Returns:
        The trials, in order.
    """
    search = _Search(attempt, budget, cost)
    starts = _starts(given, models)
    tried = [(search.score(start.rule_at(start.point)), start) for start in starts]
    best = sorted((each for each in tried if each[0] is not None), key=lambda each: -(each[0] or 0.0))
    ends = [(start, search.descend(start, start.point)) for _, start in best[:_REFINED]]
    for start, point in sorted(ends, key=lambda end: -search.known(end[0].rule_at(end[1]))):
        search.descend(start, point, by_layer=True)
    return search.trials


@dataclass(frozen=True)
class _Start:
    """A strategy, and the point at which the search of its options starts."""

    given: MergeRule
    point: OptionPoint

    def rule_at(self, point: OptionPoint) -> MergeRule:
        """The rule with the options of a point."""
        options = {**point.options, **dict(self.given.options)}
        return replace(self.given, options=tuple(sorted(options.items())))


def _starts(given: Sequence[MergeRule], models: int) -> list[_Start]:
    return [_Start(rule, start_of(_strategy(rule), models, _names(rule))) for rule in given]


class _Search:
    """Tries rules, each once, while there's a budget."""

    def __init__(self, attempt: Callable[[MergeRule], MergeTrial], budget: int, cost: int) -> None:
        self._attempt = attempt
        self._left = budget
        self._cost = cost
        self._by_rule: dict[MergeRule, MergeTrial] = {}

    @property
    def trials(self) -> list[MergeTrial]:
        """The trials, in order."""
        return list(self._by_rule.values())

    @property
    def _is_over(self) -> bool:
        return self._left < self._cost

    def score(self, rule: MergeRule) -> float | None:
        """The score of a rule; `None` if it has none, or if the budget is spent."""
        if rule not in self._by_rule:
            if self._is_over:
                return None
            self._by_rule[rule] = self._attempt(rule)
            self._left -= self._by_rule[rule].cost
        return self._by_rule[rule].score

    def known(self, rule: MergeRule) -> float:
        """The score of a rule that was tried; minus infinity if there's none."""
        trial = self._by_rule.get(rule)
        return float("-inf") if trial is None or trial.score is None else trial.score

    def descend(self, start: _Start, point: OptionPoint, *, by_layer: bool = False) -> OptionPoint:
        """The best point that coordinate descent finds.

        Args:
            start: The strategy.
            point: The point to begin at.
            by_layer: Whether to try numbers that change from the first layer to the last.
        """
        best, shrink = self.known(start.rule_at(point)), 1.0
        while any(dimension.step * shrink >= _FINEST for dimension in point.dimensions) and not self._is_over:
            before = best
            for index, dimension in enumerate(point.dimensions):
                for anchors in _steps(dimension, point.anchors[index], dimension.step * shrink, by_layer):
                    moved = point.moved(index, anchors)
                    score = self.score(start.rule_at(moved))
                    if score is not None and score > best:
                        best, point = score, moved
                        break
            if best == before:
                shrink /= 2
        return point


def _steps(dimension: SearchedOption, anchors: Anchors, step: float, by_layer: bool) -> list[Anchors]:
    """Anchors to try: a step up or down, or the first layer's up and the last one's down, and vice versa."""
    first, last = anchors[0], anchors[-1]
    if not by_layer:
        return [(first + step,), (first - step,)]
    # The weights of several models are divided by their sum, for all layers at once.
    return (
        []
        if dimension.kind is OptionKind.WEIGHT
        else [(first - step, last + step), (first + step, last - step)]
    )


def _strategy(rule: MergeRule) -> Strategy:
    return strategies.registry().get(rule.strategy)


def _names(rule: MergeRule) -> list[str]:
    return [name.replace("-", "_") for name, _ in rule.options]
