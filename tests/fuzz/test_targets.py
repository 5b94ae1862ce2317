"""Some hundred inputs for each reader; `python -m tests.fuzz` gives them many more."""

from __future__ import annotations

from random import Random

import pytest

from git_theta.errors import ThetaError
from tests.fuzz.campaign import run
from tests.fuzz.targets import TARGETS

#: Seeds whose first inputs are part of the suite.
_SEEDS = (1, 2)
_COUNT = 150


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_are_read_rightly_or_refused(name: str) -> None:
    for seed in _SEEDS:
        outcome = run(TARGETS[name], seed, range(_COUNT), most=1)
        for failure in outcome.failures:
            raise AssertionError(f"input {failure.index} of seed {seed}: {failure.data!r}") from failure.error


@pytest.mark.parametrize("name", TARGETS)
def test_some_inputs_are_right(name: str) -> None:
    right = 0
    for seed in range(60):
        try:
            TARGETS[name].read(TARGETS[name].sample(Random(seed)))
            right += 1
        except ThetaError:
            continue
    assert right >= 10
