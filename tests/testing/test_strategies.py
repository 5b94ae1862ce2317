"""The published check, on strategies that break a rule; built-in ones are checked in `tests/strategies`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

import pytest

from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import option
from git_theta.testing import check_strategy


class Ours(Strategy):
    """The first model."""

    name = "first"

    def merge(self, case: Case, options: Any) -> LazyArray:
        return case.models[0]


class Changing(Ours):
    def __init__(self) -> None:
        self.calls = count()

    def merge(self, case: Case, options: Any) -> LazyArray:
        return case.models[0] + float(next(self.calls))


class Growing(Ours):
    def merge(self, case: Case, options: Any) -> LazyArray:
        return case.models[0] * 2.0


@dataclass
class MutableOptions:
    """Options that can be changed."""

    scale: float = option(1.0, "Factor.")


class Mutable(Ours):
    options = MutableOptions


class PlainOptions:
    """Options without fields."""


class Plain(Ours):
    options = PlainOptions


@dataclass(frozen=True)
class WeightOptions:
    """Options with a weight for each model."""

    weights: tuple[float, ...] = option((), "A weight for each model.")


class Weighted(Ours):
    options = WeightOptions


class Nameless(Ours):
    name = ""


def test_a_strategy_that_keeps_the_contract() -> None:
    check_strategy(Ours())


@pytest.mark.parametrize(
    ("plugin", "broken_rule"),
    [
        (Nameless(), "has a name"),
        (Changing(), "gives two values for the same models"),
        (Growing(), "changes models that are equal"),
        (Mutable(), "its options can be changed"),
        (Plain(), "its options aren't a dataclass"),
        (Weighted(), "accepts 7 weights for two models"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_a_broken_rule_is_named(plugin: Strategy, broken_rule: str) -> None:
    with pytest.raises(AssertionError, match=broken_rule):
        check_strategy(plugin)
