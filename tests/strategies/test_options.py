from __future__ import annotations

import dataclasses
import math

import pytest

from git_theta.strategies.options import Constraints, constraints, option


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    density: float = option(0.5, "Share to keep.", least=0, most=1)
    mode: str = option("all", "Which ones.", choices=("all", "some"))
    plain: int = 3


def test_an_option_has_its_default() -> None:
    assert Options() == Options(0.5, "all", 3)
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().density = 1.0  # type: ignore[misc]


def test_constraints_are_those_of_the_field() -> None:
    density, mode, plain = map(constraints, dataclasses.fields(Options))
    assert density == Constraints("Share to keep.", 0, 1)
    assert mode.choices == ("all", "some")
    assert plain == Constraints("", -math.inf, math.inf, ())
