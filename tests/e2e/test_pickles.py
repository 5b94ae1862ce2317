"""Pickles of arrays with real Git: split, shared with other formats, merged, and always the same bytes."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np

from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.pkl"
WEIGHTS = np.random.default_rng(3).normal(0, 0.02, (300, 256)).astype("f4")
BASE = {"coefs_": [WEIGHTS, np.ones((4, 5), "f4")], "intercepts_": [np.zeros(6)], "alpha": 0.1}


def manifest(repo: Repo, name: str = NAME) -> Manifest:
    return parse_manifest(repo.git("cat-file", "-p", f":{name}").encode())


def change(repo: Repo, branch: str, model: Any) -> bytes:
    data = pickle.dumps(model, 4)
    repo.git("checkout", "-q", "-B", branch)
    repo.write(NAME, data)
    repo.commit()
    return data


def changed(**arrays: np.ndarray) -> dict[str, Any]:
    """The model with other values of some arrays: `coef` or `intercept`."""
    return {
        "coefs_": [arrays.get("coef", BASE["coefs_"][0]), BASE["coefs_"][1]],
        "intercepts_": [arrays.get("intercept", BASE["intercepts_"][0])],
        "alpha": 0.1,
    }


def test_values_are_shared_and_come_back(repo: Repo) -> None:
    repo.theta("track", "*.safetensors", "*.pkl")
    repo.write("m.safetensors", safetensors_bytes({"w": WEIGHTS}))
    repo.commit()
    data = change(repo, "main", BASE)
    found = manifest(repo)
    (shared,) = manifest(repo, "m.safetensors").entries
    assert list(found.by_name) == ["coefs_/0", "coefs_/1", "intercepts_/0"]
    assert found.by_name["coefs_/0"].source == shared.source
    (repo.path / NAME).unlink()
    repo.git("checkout", "-q", "--", NAME)
    assert repo.read(NAME) == data
    repo.write(NAME, pickle.dumps({**BASE, "alpha": 0.2}, 4))
    assert "alpha" in repo.theta("diff")


def test_sides_that_change_values_are_merged(repo: Repo) -> None:
    repo.theta("track", "*.pkl")
    change(repo, "main", BASE)
    change(repo, "side", changed(coef=WEIGHTS + 1))
    repo.git("checkout", "-q", "main")
    change(repo, "main", changed(intercept=np.ones(6)))
    repo.git("merge", "-q", "-m", "merged", "side")
    model = pickle.loads(repo.read(NAME))
    assert np.array_equal(model["coefs_"][0], WEIGHTS + 1)
    assert np.array_equal(model["intercepts_"][0], np.ones(6))
    assert repo.status() == ""


def test_an_array_that_one_side_added(repo: Repo) -> None:
    repo.theta("track", "*.pkl")
    change(repo, "main", BASE)
    change(repo, "side", {**BASE, "extra": WEIGHTS})
    repo.git("checkout", "-q", "main")
    change(repo, "main", changed(intercept=np.ones(6)))
    repo.git("merge", "-q", "-m", "merged", "side")
    assert repo.read(NAME) == pickle.dumps({**changed(intercept=np.ones(6)), "extra": WEIGHTS}, 4)


def test_sides_that_both_have_another_structure_are_a_conflict(repo: Repo) -> None:
    repo.theta("track", "*.pkl")
    change(repo, "main", BASE)
    theirs = change(repo, "side", {**BASE, "extra": WEIGHTS})
    repo.git("checkout", "-q", "main")
    ours = change(repo, "main", {**BASE, "other": WEIGHTS})
    assert repo.run("git", "merge", "-m", "merged", "side", ok=False).returncode == 1
    assert repo.read(NAME) == ours
    repo.theta("resolve", NAME, "-s", "theirs")
    assert repo.read(NAME) == theirs
