"""A small history that the reporting commands are tested on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

#: In a folder, with a space and a letter outside ASCII.
NAME = "my models/größe.safetensors"

_RANDOM = np.random.default_rng(7)
WEIGHTS = {
    "big": _RANDOM.normal(size=(700, 600)).astype(np.float32),
    "small": _RANDOM.normal(size=(40, 3)).astype(np.float32),
    "steps": np.array(7, np.int64),
}
TUNED = {**WEIGHTS, "small": WEIGHTS["small"] + 1}
GROWN = {**TUNED, "new": np.zeros((5, 5), np.float16)}

FIRST, SECOND, THIRD = map(safetensors_bytes, (WEIGHTS, TUNED, GROWN))

Json = Callable[..., Any]


@pytest.fixture(scope="session")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Two commits of one checkpoint, to be copied."""
    repo = tracked.copy(tmp_path_factory.mktemp("original") / "repo")
    repo.write(NAME, FIRST)
    repo.commit("first")
    repo.write(NAME, SECOND)
    repo.commit("second")
    return repo


@pytest.fixture
def history(original: Repo, tmp_path: Path) -> Repo:
    """Two commits of one checkpoint."""
    return original.copy(tmp_path / "repo")


@pytest.fixture
def report() -> Json:
    """Run a command with --json and read what it says."""

    def run(repo: Repo, *args: str) -> Any:
        return json.loads(repo.theta(args[0], "--json", *args[1:]))

    return run
