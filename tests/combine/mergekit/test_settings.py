"""Values of parameters: filters, gradients, and types."""

from __future__ import annotations

from typing import Any

import pytest

from git_theta.combine.mergekit.settings import FilteredValue, scalar, value_of


def test_the_first_fitting_value_of_the_first_setting_counts() -> None:
    of_model = (FilteredValue((1.0,), "mlp"), FilteredValue((2.0,), "mlp.up"))
    general = (FilteredValue((3.0,), "up"), FilteredValue((4.0,), "*"))
    assert value_of([of_model, general], "layers.0.mlp.up", 0) == 1
    assert value_of([of_model, general], "layers.0.up", 0) == 3
    assert value_of([None, general], "layers.0.mlp", 0) == 4
    assert value_of([of_model, None], "embed", 0) is None


@pytest.mark.parametrize(
    ("anchors", "values"),
    [
        ((0.0, 1.0), {0: 0, 0.25: 0.25, 1: 1}),
        ((0.0, 1.0, 0.0), {0: 0, 0.25: 0.5, 0.5: 1, 1: 0}),
        ((True, False), {0: True, 0.9: True, 1: False}),
        ((2, 4), {0: 2, 0.5: 3, 1: 4}),
        ((7.0,), {0: 7, 1: 7}),
    ],
)
def test_gradients(anchors: tuple[Any, ...], values: dict[float, Any]) -> None:
    setting = FilteredValue(anchors)
    assert {position: setting.at(position) for position in values} == values
    assert type(setting.at(0)) is type(anchors[0])


def test_a_whole_number_between_two_others() -> None:
    with pytest.raises(ValueError, match=r"2\.5 isn't a whole number"):
        FilteredValue((2, 3)).at(0.5)


@pytest.mark.parametrize(
    ("found", "kind", "value"),
    [
        ("1e-4", float, 1e-4),
        (1, float, 1.0),
        ("on", bool, True),
        (0, bool, False),
        ("8", int, 8),
        (8.0, int, 8),
    ],
)
def test_values_that_yaml_has_as_other_types(found: Any, kind: Any, value: Any) -> None:
    assert scalar(found, kind) == value
    assert type(scalar(found, kind)) is kind


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (True, float),
        ("x", float),
        (10**400, float),
        (float("inf"), float),
        (None, float),
        ([1], float),
        (2, bool),
        (1.0, bool),
        (1.5, int),
        ({}, bool),
    ],
)
def test_values_of_other_types_are_refused(found: Any, kind: Any) -> None:
    with pytest.raises(ValueError, match="isn't"):
        scalar(found, kind)
