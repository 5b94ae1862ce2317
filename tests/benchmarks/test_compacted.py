"""The case `compact`: what is left of what adds stored."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.compacted import checkpoints, share_left
from benchmarks.models import noisy
from benchmarks.sandbox import THETA, Home

Model = dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]


def model(seed: int) -> Model:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal((64, 80), np.float32) for name in ("q", "k")}


def tuned(old: Model, seed: int) -> Model:
    return {name: noisy(array, seed) for name, array in old.items()}


@pytest.mark.slow
def test_clones_that_are_merged_take_less(tmp_path: Path) -> None:
    old = model(0)
    clones = [[("m", tuned(old, seed))] for seed in (1, 2, 3)]
    assert share_left(Home.create(THETA, tmp_path / "home"), clones) < 0.85


def test_steps_of_a_run_become_smaller() -> None:
    run = checkpoints(model(0), 4)
    steps = [np.abs(new["q"] - old["q"]).mean() for old, new in pairwise(run)]
    assert steps == sorted(steps, reverse=True)
