"""Options of a merge strategy: fields of a frozen dataclass, each with its help and its limits."""

from __future__ import annotations

import math
from dataclasses import Field, dataclass, field
from typing import Any

_METADATA = "git_theta.option"


@dataclass(frozen=True, slots=True)
class Constraints:
    """The help text of an option, and the values that it accepts.

    Attributes:
        help: Meaning of the option, in one line.
        least: The smallest number accepted; of a tuple, for each element.
        most: The largest number accepted; of a tuple, for each element.
        choices: The texts accepted; empty for any text.
    """

    help: str = ""
    least: float = -math.inf
    most: float = math.inf
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoOptions:
    """The options of a strategy that has none."""


def option(
    default: Any,
    help: str,  # noqa: A002
    *,
    least: float = -math.inf,
    most: float = math.inf,
    choices: tuple[str, ...] = (),
) -> Any:
    """Declare a field of a dataclass of options.

    For example `density: float = option(0.5, "share of the changes to keep", least=0, most=1)`.

    Args:
        default: An `int`, `float`, `bool`, `str`, or tuple of floats, immutable.
        help: Meaning of the option, in one line.
        least: The smallest number accepted; of a tuple, for each element.
        most: The largest number accepted; of a tuple, for each element.
        choices: The texts accepted; empty for any text.
    """
    return field(default=default, metadata={_METADATA: Constraints(help, least, most, choices)})


def constraints(of: Field[Any]) -> Constraints:
    """The help and limits of a field; none if it wasn't declared by `option`."""
    found = of.metadata.get(_METADATA)
    return found if isinstance(found, Constraints) else Constraints()
