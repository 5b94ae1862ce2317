"""Options of merge strategies that a search varies, as numbers, and their texts."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from git_theta.strategies.base import Strategy
from git_theta.strategies.gradients import gradient_text

#: The least of shares and factors: at 0, nothing would be merged.
_LEAST = 0.05

#: The largest factor.
_MOST = 3.0

#: Digits after the point.
_DIGITS = 4


class OptionKind(Enum):
    """A kind of an option's number."""

    #: The share of theirs in the weights of two models.
    BALANCE = "balance"
    #: The share of one model in the weights of several models, before they're divided by their sum.
    WEIGHT = "weight"
    #: A share of elements, or of the way from one model to another.
    SHARE = "share"
    #: A factor of changes.
    FACTOR = "factor"


@dataclass(frozen=True, slots=True)
class SearchedOption:
    """A number that a search varies.

    Attributes:
        option: The option's name.
        kind: The kind of the number.
        start: The number at which the search starts.
        step: The first step of the search.
        default: The number that the strategy has by itself.
        model: The index of the model, of a weight.
    """

    option: str
    kind: OptionKind
    start: float
    step: float
    default: float
    model: int = 0

    def bounded(self, number: float) -> float:
        """The nearest number that's allowed, with four digits."""
        most = _MOST if self.kind in (OptionKind.FACTOR, OptionKind.WEIGHT) else 1.0
        least = 0.0 if self.kind is OptionKind.BALANCE else _LEAST
        return round(min(most, max(least, number)), _DIGITS)


#: Anchors of a dimension: one number for all layers, or one for the first layer and one for the last.
Anchors = tuple[float, ...]


@dataclass(frozen=True)
class OptionPoint:
    """The numbers of all dimensions of a strategy.

    Attributes:
        dimensions: The dimensions.
        anchors: The anchors of each dimension.
        total: The sum of the weights.
    """

    dimensions: tuple[SearchedOption, ...]
    anchors: tuple[Anchors, ...]
    total: float

    def moved(self, index: int, anchors: Anchors) -> OptionPoint:
        """The point with other anchors of one dimension."""
        dimension = self.dimensions[index]
        bounded = tuple(dimension.bounded(number) for number in anchors)
        if len(set(bounded)) == 1:
            bounded = bounded[:1]
        return dataclasses.replace(self, anchors=(*self.anchors[:index], bounded, *self.anchors[index + 1 :]))

    @property
    def options(self) -> dict[str, str]:
        """Name → text, of the options that aren't at their default."""
        texts = {}
        weights = []
        for dimension, anchors in zip(self.dimensions, self.anchors, strict=True):
            if dimension.kind is not OptionKind.WEIGHT and anchors == (dimension.default,):
                continue
            if dimension.kind is OptionKind.BALANCE:
                shares = (tuple(1 - number for number in anchors), anchors)
                texts[dimension.option] = ",".join(_text(each, self.total) for each in shares)
            elif dimension.kind is OptionKind.WEIGHT:
                weights.append(anchors[0])
            else:
                texts[dimension.option] = _text(anchors)
        if len(set(weights)) > 1:
            scale = self.total / sum(weights)
            texts["weights"] = ",".join(_text((number,), scale) for number in weights)
        return texts


def start_of(strategy: Strategy, models: int, fixed: Collection[str] = ()) -> OptionPoint:
    """The point at which the search of a strategy's options starts.

    Args:
        strategy: The strategy.
        models: The number of models that are merged.
        fixed: Options that the user has given, with underscores for dashes.
    """
    fields = {field.name: field.default for field in dataclasses.fields(strategy.options)}
    found: list[SearchedOption] = []
    for name, default in fields.items():
        if name in fixed:
            continue
        if name == "weights":
            found += _weights(models)
        elif name == "density":
            found.append(SearchedOption("density", OptionKind.SHARE, 0.5, 0.25, 1.0))
        elif name == "scale":
            found.append(SearchedOption("scale", OptionKind.FACTOR, 1.0, 0.4, 1.0))
        elif name == "t" and isinstance(default, float) and 0 < default < 1 and default >= _LEAST:
            found.append(SearchedOption("t", OptionKind.SHARE, default, 0.25, default))
    # Weights that are divided by their sum are shares; others are factors, which are 1 by default.
    is_factor = {"normalize", "scale"} & fields.keys()
    return OptionPoint(
        tuple(found), tuple((each.start,) for each in found), float(models) if is_factor else 1.0
    )


def _weights(models: int) -> list[SearchedOption]:
    if models == 2:
        return [SearchedOption("weights", OptionKind.BALANCE, 0.5, 0.25, 0.5)]
    return [SearchedOption("weights", OptionKind.WEIGHT, 1.0, 0.5, 1.0, model) for model in range(models)]


def _text(anchors: Anchors, factor: float = 1.0) -> str:
    """The text of a number, or of a gradient from the first layer to the last."""
    numbers = [round(factor * number, _DIGITS) for number in anchors]
    return gradient_text(numbers) if len(numbers) > 1 else f"{numbers[0]:g}"
