"""Gradients of options from the first layer to the last."""

from __future__ import annotations

import pytest

from git_theta.errors import UsageError
from git_theta.strategies import registry
from git_theta.strategies.gradients import at_position, gradient_text, has_gradient, interpolated
from git_theta.strategies.option_text import parse_options


@pytest.mark.parametrize(
    ("anchors", "position", "number"),
    [
        ((3.0,), 0.0, 3.0),
        ((3.0,), 1.0, 3.0),
        ((0.0, 1.0), 0.25, 0.25),
        ((0.0, 0.5, 0.3, 0.7, 1.0), 0.5, 0.3),
        ((0.0, 1.0, 0.0), 0.75, 0.5),
        ((0.0, 1.0, 0.0), 1.0, 0.0),
    ],
)
def test_straight_lines_between_anchors(anchors: tuple[float, ...], position: float, number: float) -> None:
    assert interpolated(anchors, position) == pytest.approx(number)


def test_a_list_may_mix_numbers_and_gradients() -> None:
    assert at_position("0.5,layers:0..1", 0.25) == "0.5,0.25"
    assert at_position("0.5,0.1", 0.25) == "0.5,0.1"
    assert has_gradient("0.5,layers:0..1")
    assert not has_gradient("0.5")
    assert at_position(gradient_text((0, 2)), 0.5) == "1.0"


def test_options_have_the_number_of_their_layer() -> None:
    slerp, ties = registry().get("slerp"), registry().get("ties")
    assert parse_options(slerp, {"t": "layers:0..1"}, 0.75).values.t == 0.75
    assert parse_options(slerp, {"t": "layers:-1e-1..0.1"}, 1.0).values.t == 0.1
    assert parse_options(ties, {"density": "0.5,layers:0.2..0.4"}, 0.5).values.density == (
        0.5,
        pytest.approx(0.3),
    )


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("density", "layers:0.5..1.5"),  # beyond the limit of the option, though not in the first layer
        ("density", "layers:"),
        ("density", "layers:0.."),
        ("density", "layers:a..b"),
        ("density", "layers:0..nan"),
        ("normalize", "layers:0..1"),
    ],
)
def test_wrong_gradients_are_refused(option: str, text: str) -> None:
    with pytest.raises(UsageError, match=option):
        parse_options(registry().get("ties"), {option: text})
