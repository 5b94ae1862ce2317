"""The case `replanned`: what adds store, and what bases chosen over all versions would take."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.models import noisy
from benchmarks.replanned import _checkpoints, _encoded_bytes, added_bytes, planned_bytes
from git_theta.model.tensor import TensorSpec

Model = dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]

SPEC = TensorSpec("F32", (64, 80))


def model(seed: int) -> Model:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(SPEC.shape, np.float32) for name in ("q", "k")}


def tuned(old: Model, seed: int) -> Model:
    return {name: noisy(array, seed) for name, array in old.items()}


def test_adds_to_one_repository_are_about_as_good_as_a_plan(tmp_path: Path) -> None:
    old = model(0)
    versions = [tuned(old, 1), old, tuned(old, 2), tuned(old, 3)]
    stored = added_bytes([[("m", version) for version in versions]], tmp_path)
    assert stored == pytest.approx(planned_bytes(versions), rel=0.05)


def test_merged_clones_store_a_whole_value_each(tmp_path: Path) -> None:
    old = model(0)
    first, second = [old, tuned(old, 1)], [tuned(old, 2), tuned(old, 3)]
    stored = added_bytes([[("m", each) for each in clone] for clone in (first, second)], tmp_path)
    assert planned_bytes([*first, *second]) < 0.85 * stored


def test_equal_values_are_planned_once() -> None:
    old = model(0)
    assert planned_bytes([old, old]) == planned_bytes([old])


def test_unrelated_values_are_planned_whole() -> None:
    one, other = model(0), model(1)
    assert planned_bytes([one, other]) == planned_bytes([one]) + planned_bytes([other])


def test_a_delta_is_cheaper_than_a_whole_value() -> None:
    old = model(0)["q"]
    value, base = (memoryview(array.tobytes()) for array in (noisy(old), old))
    assert _encoded_bytes(value, SPEC, base) < 0.8 * _encoded_bytes(value, SPEC, None)


def test_steps_of_a_run_become_smaller() -> None:
    run = _checkpoints(model(0), 4)
    steps = [np.abs(new["q"] - old["q"]).mean() for old, new in pairwise(run)]
    assert steps == sorted(steps, reverse=True)
