from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest

from git_theta import strategies
from git_theta.errors import UsageError
from git_theta.strategies.base import Strategy
from git_theta.strategies.option_text import OptionHelp, ParsedOptions, describe, parse_options
from git_theta.strategies.options import NoOptions, option


@dataclass(frozen=True, slots=True)
class Options:
    max_iter: int = option(10, "How often, at most.", least=0)
    scale: float = option(1.5, "A factor.", most=2)
    rescale: bool = True
    mode: str = option("all", "Which ones.", choices=("all", "some"))
    weights: tuple[float, ...] = option((), "One for each model.", least=-3, most=3)


class Example(Strategy):
    name = "example"
    options = Options

    def merge(self, case: Any, options: Any) -> Any:
        raise NotImplementedError


class Plain(Example):
    options = NoOptions


class WithFiles(Plain):
    reads_files = True


def test_texts_become_fields() -> None:
    texts = {"max-iter": "3", "scale": " 1e-3", "rescale": "no", "mode": "some", "weights": "1,-2.5, 3"}
    assert parse_options(Example(), texts).values == Options(3, 1e-3, False, "some", (1.0, -2.5, 3.0))
    assert parse_options(Example(), {"max_iter": "4", "weights": ""}).values == Options(4)
    assert parse_options(Example(), {}).values == Options()
    assert parse_options(Plain(), {}) == ParsedOptions(NoOptions())


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
        ("mode", "none"),
        ("max-iter", "-1"),
        ("scale", "2.5"),
        ("weights", "1,4"),
        ("nothing", "1"),
    ],
)
def test_an_invalid_option_is_an_error_that_lists_the_options(name: str, text: str) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        parse_options(Example(), {name: text})
    assert "max-iter=10, scale=1.5, rescale=true, mode=all, weights=" in caught.value.hint


def test_one_option_cannot_be_given_in_two_spellings() -> None:
    with pytest.raises(UsageError, match="twice"):
        parse_options(Example(), {"max-iter": "3", "max_iter": "3"})


def test_a_strategy_without_options_says_so() -> None:
    with pytest.raises(UsageError) as caught:
        parse_options(Plain(), {"weights": "1"})
    assert caught.value.hint == "it has no options"


def test_options_are_described() -> None:
    rows = describe(Example())
    assert rows[0] == OptionHelp("max-iter", "a whole number", "10", "How often, at most.")
    assert [row.name for row in rows] == ["max-iter", "scale", "rescale", "mode", "weights"]
    assert rows[3].kind == "one of all, some"
    assert rows[4].default == ""
    assert describe(Plain()) == []


def test_only_a_strategy_that_reads_files_has_the_option_files() -> None:
    assert parse_options(WithFiles(), {"files": "a.pt,b.pt"}).files == ("a.pt", "b.pt")
    assert parse_options(WithFiles(), {}).files == ()
    assert [row.name for row in describe(WithFiles())] == ["files"]
    with pytest.raises(UsageError, match="no option 'files'"):
        parse_options(Plain(), {"files": "a.pt"})


@pytest.mark.parametrize(
    ("least", "most", "text", "range_text"),
    [(0.0, 1.0, "2", "from 0 to 1"), (0.0, math.inf, "-1", "at least 0"), (-math.inf, 1.0, "2", "at most 1")],
)
def test_limits_are_told(least: float, most: float, text: str, range_text: str) -> None:
    @dataclass(frozen=True)
    class Limited:
        t: float = option(0.5, "A share.", least=least, most=most)

    class WithLimits(Example):
        options = Limited

    with pytest.raises(UsageError, match=f"{text} isn't {range_text}"):
        parse_options(WithLimits(), {"t": text})


@pytest.mark.parametrize(
    ("name", "option", "text"),
    [
        ("ties", "density", "-4"),
        ("ties", "density", "0.5,7"),
        ("breadcrumbs", "gamma", "2"),
        ("sce", "density", "-1"),
        ("nearswap", "t", "-1"),
        ("karcher", "max-iter", "100000000000"),
        ("nuslerp", "vectors", "rows"),
    ],
)
def test_limits_of_built_in_strategies(name: str, option: str, text: str) -> None:
    with pytest.raises(UsageError, match=f"option '{option}' of '{name}'"):
        parse_options(strategies.registry().get(name), {option: text})
