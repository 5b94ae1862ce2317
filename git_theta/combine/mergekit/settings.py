"""Values of a method's parameters: for some tensors only, and from the first layer to the last."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from git_theta.combine.mergekit.methods import Scalar
from git_theta.strategies.gradients import interpolated

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True, slots=True)
class FilteredValue:
    """A value for the tensors whose names contain a text.

    Attributes:
        anchors: The value; or several, at equal distances from the first layer to the last.
        filter: The text; empty for all tensors.
    """

    anchors: tuple[Scalar, ...]
    filter: str = ""

    def is_for(self, name: str) -> bool:
        """Whether the value is for a tensor of that name."""
        return self.filter == "*" or self.filter in name

    def at(self, position: float) -> Scalar:
        """The value in a layer: numbers are interpolated, and of other values the last one reached counts.

        Args:
            position: Position of the layer, from 0 for the first to 1 for the last.

        Raises:
            ValueError: A number that must be whole isn't, between two that are.
        """
        if isinstance(self.anchors[0], bool):
            return self.anchors[int(position * (len(self.anchors) - 1))]
        number = interpolated([float(anchor) for anchor in self.anchors], position)
        return whole_number(number) if isinstance(self.anchors[0], int) else number


#: Values of a parameter; the first whose filter fits a tensor counts.
Setting = tuple[FilteredValue, ...]


def value_of(settings: Iterable[Setting | None], name: str, position: float) -> Scalar | None:
    """The value of a parameter for a tensor, by the first setting that has one; `None` if none has.

    Args:
        settings: The settings, that which takes precedence first.
        name: Name of the tensor.
        position: Position of its layer.

    Raises:
        ValueError: A number that must be whole isn't, between two that are.
    """
    for setting in settings:
        for value in setting or ():
            if value.is_for(name):
                return value.at(position)
    return None


def scalar(value: Any, kind: type[Scalar]) -> Scalar:
    """A value from YAML as the type that a parameter has. In YAML 1.1, `1e-4` is a text.

    Raises:
        ValueError: It's of another type, or isn't finite.
    """
    if kind is bool:
        return _truth(value)
    return whole_number(_number(value)) if kind is int else _number(value)


def whole_number(number: float) -> int:
    """A float that is a whole number, as one.

    Raises:
        ValueError: It isn't.
    """
    if number != int(number):
        raise ValueError(f"{number!r} isn't a whole number")
    return int(number)


def _truth(value: Any) -> bool:
    text = str(value).lower() if isinstance(value, (bool, int, str)) else ""
    if text not in (*_TRUE, *_FALSE):
        raise ValueError(f"{value!r} isn't true or false")
    return text in _TRUE


def _number(value: Any) -> float:
    try:
        fits = isinstance(value, (int, float, str)) and not isinstance(value, bool)
        number = float(value) if fits else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"{value!r} isn't a number")
    return number
