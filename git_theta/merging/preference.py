"""The rules of a merge as formats see them: for values that aren't tensors, and for the structure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from git_theta import strategies
from git_theta.merging.outcome import LAYOUT
from git_theta.merging.plan_each import preferred_side, side_rule
from git_theta.merging.rules import MergeRules
from git_theta.merging.standing_rules import DEFAULT_PLACE
from git_theta.strategies.counter import CounterRule
from git_theta.strategies.option_text import parse_options
from git_theta.strategies.take_side import TakeSide


@dataclass(frozen=True, slots=True)
class Preference:
    """Chooses between the values of the sides; see `git_theta.formats.base.Prefer` and `Counts`.

    Attributes:
        rules: The rules for this file.
        report: Called with the names for which a rule by default takes a side.
    """

    rules: MergeRules
    report: Callable[[str], object] = field(default=lambda _name: None)

    def __call__(self, name: str) -> int | None:
        """The side that the rules take for a name, or else for the file's structure."""
        found = side_rule(name, self.rules)
        if found is None or found[1].side is None:
            return preferred_side(LAYOUT, self.rules)
        if found[0].place == DEFAULT_PLACE:
            self.report(name)
        return found[1].side

    def count(self, name: str, base: int | None, values: Sequence[int]) -> int | None:
        """The merged number, if a rule says that it's a counter before another one takes a side."""
        for rule in self.rules.to_try(name):
            strategy = strategies.registry().get(rule.strategy)
            if isinstance(strategy, CounterRule):
                options = parse_options(strategy, dict(rule.options)).values
                return strategy.count_number(values, base, options)
            if isinstance(strategy, TakeSide):
                return None
        return None
