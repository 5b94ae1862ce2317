"""Options of merge strategies: from text to the fields of a dataclass."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from git_theta.errors import UsageError
from git_theta.strategies.base import Strategy


@dataclass(frozen=True, slots=True)
class NoOptions:
    """For a strategy that has none."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option, as text.

    Attributes:
        name: With dashes.
        kind: What its text must be, such as `a whole number`.
        default: As it would be written; empty for no numbers.
        meaning: From the docstring of the options, in one line.
    """

    name: str
    kind: str
    default: str
    meaning: str


def parse(strategy: Strategy, texts: Mapping[str, str]) -> Any:
    """An instance of the strategy's options.

    Args:
        strategy: Whose options they are.
        texts: Name → text; dashes and underscores are the same. Options that aren't there have their default.

    Raises:
        UsageError: An option is unknown, is given twice, or its text isn't of its kind; lists those that
            there are, with their defaults.
    """
    hints = get_type_hints(strategy.options)
    values: dict[str, Any] = {}
    for name, text in texts.items():
        field = name.replace("-", "_")
        if field not in hints:
            raise UsageError(f"{strategy.name!r} has no option {name!r}", _known(strategy))
        if field in values:
            raise UsageError(f"the option {name!r} is given twice")
        kind, read = _KINDS[hints[field]]
        try:
            values[field] = read(text.strip())
        except ValueError as error:
            raise UsageError(f"option {name!r}: {text!r} isn't {kind}", _known(strategy)) from error
    for each in dataclasses.fields(strategy.options):
        if each.name in values and each.metadata:
            _check_limits(each.name.replace("_", "-"), values[each.name], each.metadata, strategy)
    return strategy.options(**values)


def _check_limits(name: str, value: Any, limits: Mapping[str, float], strategy: Strategy) -> None:
    for number in value if isinstance(value, tuple) else (value,):
        if not limits["least"] <= number <= limits["most"]:
            allowed = f"from {limits['least']:g} to {limits['most']:g}"
            raise UsageError(
                f"option {name!r} of {strategy.name!r}: {number:g} isn't {allowed}", _known(strategy)
            )


def describe(strategy: Strategy) -> list[Option]:
    """The options of a strategy, in order."""
    hints = get_type_hints(strategy.options)
    meanings: dict[str, str] = {}
    for each in reversed(strategy.options.__mro__):
        meanings |= _meanings(each.__doc__ or "")
    return [
        Option(
            field.name.replace("_", "-"),
            _KINDS[hints[field.name]][0],
            _text(field.default),
            meanings.get(field.name, ""),
        )
        for field in dataclasses.fields(strategy.options)
    ]


def _known(strategy: Strategy) -> str:
    known = ", ".join(f"{option.name}={option.default}" for option in describe(strategy))
    return f"its options and their defaults: {known}" if known else "it has no options"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _meanings(docstring: str) -> dict[str, str]:
    """Name → text, from the list of attributes; a line that's indented further goes on with the last one."""
    meanings: dict[str, str] = {}
    name = ""
    for line in docstring.partition("Attributes:")[2].splitlines():
        if found := re.fullmatch(r"\s{2,8}(\w+): (.+)", line):
            name = found[1]
            meanings[name] = found[2].strip()
        elif name and line.strip():
            meanings[name] += " " + line.strip()
    return meanings


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _truth(text: str) -> bool:
    words = {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }
    if text.lower() not in words:
        raise ValueError("neither true nor false")
    return words[text.lower()]


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(_finite(part) for part in text.split(",")) if text else ()


#: Type of a field → what it's called, and how its text is read.
_KINDS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    int: ("a whole number", int),
    float: ("a number", _finite),
    bool: ("true or false", _truth),
    str: ("a text", str),
    tuple[float, ...]: ("a list of numbers with commas between them", _numbers),
}
