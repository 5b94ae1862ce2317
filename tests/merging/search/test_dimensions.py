from __future__ import annotations

import pytest

from git_theta import strategies
from git_theta.merging.search.dimensions import OptionKind, OptionPoint, start_of
from git_theta.strategies.option_text import parse_options


def start(strategy: str, models: int = 2, *fixed: str) -> OptionPoint:
    return start_of(strategies.registry().get(strategy), models, fixed)


@pytest.mark.parametrize(
    ("strategy", "names"),
    [
        ("average", ["weights"]),
        ("task-arithmetic", ["weights", "scale"]),
        ("ties", ["weights", "density", "scale"]),
        ("slerp", ["t"]),
        ("nearswap", []),
        ("model-stock", []),
    ],
)
def test_options_that_are_searched(strategy: str, names: list[str]) -> None:
    point = start(strategy)
    assert [dimension.option for dimension in point.dimensions] == names
    # The strategy takes the texts.
    parse_options(strategies.registry().get(strategy), point.options)


def test_options_of_the_user_are_not() -> None:
    assert [dimension.option for dimension in start("ties", 2, "density", "weights").dimensions] == ["scale"]


def test_weights_are_shares_or_factors() -> None:
    assert start("average").moved(0, (0.3,)).options == {"weights": "0.7,0.3"}
    assert start("task-arithmetic").moved(0, (0.25,)).options["weights"] == "1.5,0.5"
    three = start("average", 3)
    assert [dimension.kind for dimension in three.dimensions] == [OptionKind.WEIGHT] * 3
    assert three.options == {}
    assert three.moved(1, (2.0,)).options == {"weights": "0.25,0.5,0.25"}


def test_numbers_stay_in_their_limits() -> None:
    ties = start("ties")
    assert ties.options == {"density": "0.5"}
    # The strategy's own density is 1.
    assert ties.moved(1, (1.4,)).options == {}
    assert ties.moved(1, (-1.0,)).options["density"] == "0.05"
    assert ties.moved(0, (1.5,)).options["weights"] == "0,2"


def test_numbers_for_the_first_and_the_last_layer() -> None:
    assert start("slerp").moved(0, (0.25, 0.75)).options == {"t": "layers:0.25..0.75"}
    assert start("slerp").moved(0, (0.75, 0.75)).options == {"t": "0.75"}
    average = start("average").moved(0, (0.25, 0.75)).options
    assert average == {"weights": "layers:0.75..0.25,layers:0.25..0.75"}
    parse_options(strategies.registry().get("average"), average)
