"""Options of merge strategies as texts: `KEY=VALUE` to the fields of a dataclass, and a list for users."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, get_type_hints

from git_theta.errors import UsageError
from git_theta.strategies.base import Strategy
from git_theta.strategies.gradients import at_position, extremes
from git_theta.strategies.options import Constraints, constraints

#: The option of every strategy with `reads_files`.
FILES = "files"

_FILES_KIND = "a list of paths with commas between them"
_FILES_HELP = "A checkpoint for each side, ours first, with the same parameters as the model."


@dataclass(frozen=True, slots=True)
class ParsedOptions:
    """The options of one merge.

    Attributes:
        values: An instance of the strategy's dataclass.
        files: Paths of side files, one for each side; empty if none are given.
    """

    values: Any
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OptionHelp:
    """An option as users see it.

    Attributes:
        name: Name, with dashes.
        kind: Kind of text, such as `a whole number`.
        default: The default as text; empty for an empty list.
        help: Meaning, in one line.
    """

    name: str
    kind: str
    default: str
    help: str


def parse_options(strategy: Strategy, texts: Mapping[str, str], position: float = 0.0) -> ParsedOptions:
    """The options of a strategy from texts, for one layer of a model.

    Args:
        strategy: The strategy.
        texts: Name → text; dashes and underscores are the same. Missing options have their default.
        position: Position of the layer, for numbers that are gradients; see `git_theta.strategies.gradients`.

    Raises:
        UsageError: An option is unknown, given twice, not of its kind, or beyond its limits. The hint lists
            the options and their defaults.
    """
    fields = {field.name: field for field in dataclasses.fields(strategy.options)}
    hints = _types(strategy.options)  # type: ignore[arg-type]  # classes are hashable
    values: dict[str, Any] = {}
    files: tuple[str, ...] = ()
    for name, text in texts.items():
        field = name.replace("-", "_")
        if strategy.reads_files and field == FILES:
            files = tuple(text.split(",")) if text else ()
            continue
        if field not in fields:
            raise UsageError(f"{strategy.name!r} has no option {name!r}", _hint(strategy))
        if field in values:
            raise UsageError(f"the option {name!r} is given twice")
        for one in extremes(text) if hints[field] in _GRADUAL else (text,):
            values[field] = _read(strategy, name, one, hints[field])
            _check(strategy, name, values[field], constraints(fields[field]))
        if hints[field] in _GRADUAL:
            values[field] = _read(strategy, name, at_position(text, position), hints[field])
    return ParsedOptions(strategy.options(**values), files)


def describe(strategy: Strategy) -> list[OptionHelp]:
    """The options of a strategy, in the order of its dataclass; `files` comes last."""
    return [*_fields(strategy), *_files(strategy)]


def _fields(strategy: Strategy) -> Iterator[OptionHelp]:
    hints = _types(strategy.options)  # type: ignore[arg-type]  # classes are hashable
    for field in dataclasses.fields(strategy.options):
        limits = constraints(field)
        kind = f"one of {', '.join(limits.choices)}" if limits.choices else _KINDS[hints[field.name]][0]
        yield OptionHelp(field.name.replace("_", "-"), kind, _text(field.default), limits.help)


def _files(strategy: Strategy) -> Iterator[OptionHelp]:
    if strategy.reads_files:
        yield OptionHelp(FILES, _FILES_KIND, "", _FILES_HELP)


@lru_cache
def _types(options: type) -> Mapping[str, Any]:
    """Types of the fields of a dataclass of options."""
    return get_type_hints(options)


def _read(strategy: Strategy, name: str, text: str, hint: Any) -> Any:
    kind, read = _KINDS[hint]
    try:
        return read(text.strip())
    except ValueError as error:
        raise UsageError(f"option {name!r}: {text!r} isn't {kind}", _hint(strategy)) from error


def _check(strategy: Strategy, name: str, value: Any, limits: Constraints) -> None:
    if isinstance(value, str):
        if limits.choices and value not in limits.choices:
            allowed = f"one of {', '.join(limits.choices)}"
            raise UsageError(
                f"option {name!r} of {strategy.name!r}: {value!r} isn't {allowed}", _hint(strategy)
            )
        return
    for number in value if isinstance(value, tuple) else (value,):
        if not limits.least <= number <= limits.most:
            allowed = _range(limits)
            raise UsageError(
                f"option {name!r} of {strategy.name!r}: {number:g} isn't {allowed}", _hint(strategy)
            )


def _range(limits: Constraints) -> str:
    if math.isinf(limits.most):
        return f"at least {limits.least:g}"
    if math.isinf(limits.least):
        return f"at most {limits.most:g}"
    return f"from {limits.least:g} to {limits.most:g}"


def _hint(strategy: Strategy) -> str:
    known = ", ".join(f"{option.name}={option.default}" for option in describe(strategy))
    return f"its options and their defaults: {known}" if known else "it has no options"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTH:
        raise ValueError("neither true nor false")
    return _TRUTH[text.lower()]


def _floats(text: str) -> tuple[float, ...]:
    return tuple(_finite(part) for part in text.split(",")) if text else ()


_TRUTH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}

#: Types of fields whose numbers may be gradients.
_GRADUAL = (float, tuple[float, ...])

#: Type of a field → the kind of text, and the function that reads it.
_KINDS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    int: ("a whole number", int),
    float: ("a number", _finite),
    bool: ("true or false", _truth),
    str: ("a text", str),
    tuple[float, ...]: ("a list of numbers with commas between them", _floats),
}
