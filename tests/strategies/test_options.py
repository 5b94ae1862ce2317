from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from git_theta import strategies
from git_theta.errors import UsageError
from git_theta.strategies.options import NoOptions, Option, describe, parse


@dataclass(frozen=True, slots=True)
class Choices:
    """Some.

    Attributes:
        max_iter: How often,
            at most.
        scale: A factor.
        rescale: Whether.
        mode: How.
        weights: How much.
    """

    max_iter: int = 10
    scale: float = 1.5
    rescale: bool = True
    mode: str = "all"
    weights: tuple[float, ...] = ()


class Strategy:
    name = "some"
    options: type[Any] = Choices
    needs_base = False
    most = None

    def merge(self, case: Any, options: Any) -> Any:
        raise NotImplementedError


class Plain(Strategy):
    options = NoOptions


def test_texts_become_fields() -> None:
    texts = {"max-iter": "3", "scale": " 1e-3", "rescale": "no", "mode": "some", "weights": "1,-2.5, 3"}
    assert parse(Strategy(), texts) == Choices(3, 1e-3, False, "some", (1.0, -2.5, 3.0))
    assert parse(Strategy(), {"max_iter": "4", "weights": ""}) == Choices(4)
    assert parse(Strategy(), {}) == Choices()
    assert parse(Plain(), {}) == NoOptions()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("max-iter", "1.5"),
        ("scale", "much"),
        ("scale", "nan"),
        ("scale", "inf"),
        ("rescale", "perhaps"),
        ("weights", "1,,2"),
        ("weights", "1;2"),
        ("weights", "1,inf"),
        ("nothing", "1"),
    ],
)
def test_what_is_wrong_is_said_with_what_there_is(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        parse(Strategy(), {name: text})
    assert "max-iter=10, scale=1.5, rescale=true, mode=all, weights=" in caught.value.hint


def test_one_option_cannot_be_given_in_two_spellings() -> None:
    with pytest.raises(UsageError, match="twice"):
        parse(Strategy(), {"max-iter": "3", "max_iter": "3"})


def test_a_strategy_without_options_says_so() -> None:
    with pytest.raises(UsageError) as caught:
        parse(Plain(), {"weights": "1"})
    assert caught.value.hint == "it has no options"


def test_options_are_described() -> None:
    rows = describe(Strategy())
    assert rows[0] == Option("max-iter", "a whole number", "10", "How often, at most.")
    assert [row.name for row in rows] == ["max-iter", "scale", "rescale", "mode", "weights"]
    assert rows[4].default == ""
    assert describe(Plain()) == []


@pytest.mark.parametrize(
    ("name", "option", "text"),
    [
        ("ties", "density", "-4"),
        ("ties", "density", "0.5,7"),
        ("breadcrumbs", "gamma", "2"),
        ("sce", "density", "-1"),
        ("nearswap", "t", "-1"),
        ("karcher", "max-iter", "100000000000"),
    ],
)
def test_limits(name: str, option: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"option '{option}' of '{name}'"):
        parse(strategies.registry().get(name), {option: text})
