"""Gradients: options of strategies whose number changes from the first layer of a model to the last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

#: The beginning of a gradient, before its anchors.
PREFIX = "layers:"


def has_gradient(text: str) -> bool:
    """Whether any number of an option's text is a gradient: `layers:0..1`, `0.5,layers:0..0.3..1`."""
    return any(_is_gradient(word) for word in text.split(","))


def at_position(text: str, position: float) -> str:
    """The text of an option with the numbers that its gradients have in one layer.

    Args:
        text: The option's text; one without gradients is returned as it is.
        position: Position of the layer in its list: 0 for the first, 1 for the last.

    Raises:
        ValueError: An anchor isn't a number.
    """
    if not has_gradient(text):
        return text
    return ",".join(
        repr(interpolated(_anchors(word), position)) if _is_gradient(word) else word
        for word in text.split(",")
    )


def extremes(text: str) -> Iterator[str]:
    """Texts with one anchor of each gradient: where all are allowed, all between them is, too."""
    words = text.split(",")
    longest = max((len(_parts(word)) for word in words if _is_gradient(word)), default=1)
    for index in range(longest):
        yield ",".join(
            _parts(word)[min(index, len(_parts(word)) - 1)] if _is_gradient(word) else word for word in words
        )


def interpolated(anchors: Sequence[float], position: float) -> float:
    """The number at a position between anchors of equal distance, in a straight line from one to the next.

    Args:
        anchors: At least one number.
        position: From 0 for the first to 1 for the last.
    """
    scaled = position * (len(anchors) - 1)
    before = min(int(scaled), len(anchors) - 1)
    after = min(before + 1, len(anchors) - 1)
    share = scaled - before
    return (1 - share) * anchors[before] + share * anchors[after]


def gradient_text(anchors: Sequence[float]) -> str:
    """A gradient as the text of an option."""
    return PREFIX + "..".join(repr(float(anchor)) for anchor in anchors)


def _is_gradient(word: str) -> bool:
    return word.strip().startswith(PREFIX)


def _parts(word: str) -> list[str]:
    """The anchors as texts; the word itself, which isn't a number, if one is empty."""
    parts = word.strip().removeprefix(PREFIX).split("..")
    return parts if all(parts) else [word]


def _anchors(word: str) -> list[float]:
    return [float(part) for part in _parts(word)]
