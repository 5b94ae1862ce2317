"""The text of a cascade's state: JSON, in a file of Git's folder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from git_theta.cascade.plan import CascadeRequest, CascadeStep
from git_theta.cascade.state import CascadeOptions, CascadeState, MetricChange, StepState
from git_theta.errors import ThetaError

#: Bytes of a state, at most.
MAX_STATE: Final = 64 << 20

_VERSION: Final = 1


def state_text(state: CascadeState) -> bytes:
    """The text of a state."""
    return json.dumps({"version": _VERSION, **asdict(state)}, indent=1).encode()


def parse_state(data: bytes, where: str) -> CascadeState:
    """The state that a text stands for.

    Args:
        data: The text.
        where: Its path for messages.

    Raises:
        ThetaError: It isn't the text of a state.
    """
    try:
        table = json.loads(data)
        if table.pop("version") != _VERSION:
            raise ThetaError(f"{where} was written by another version of git-theta", "continue with that one")
        table["request"] = CascadeRequest(**_tuples(table["request"]))
        table["options"] = CascadeOptions(**table["options"])
        table["steps"] = tuple(map(parse_step, table["steps"]))
        return CascadeState(**table)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ThetaError(
            f"{where} isn't the state of a cascade",
            "git theta cascade --quit removes it; models stay as they are",
        ) from error


def parse_step(table: Any) -> StepState:
    """The state of a step that a table of JSON stands for.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: It stands for none.
    """
    table["step"] = CascadeStep(**_tuples(table["step"]))
    table["before"] = tuple(table["before"])
    table["tests"] = {
        model: tuple(MetricChange(**value) for value in values) for model, values in table["tests"].items()
    }
    return StepState(**table)


def _tuples(table: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}


def finite(value: float | None) -> float | None:
    """A number as JSON has it: `None` for one that isn't finite."""
    return value if value is not None and math.isfinite(value) else None
