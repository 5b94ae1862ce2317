from __future__ import annotations

import shlex

import numpy as np
import pytest
from safetensors.numpy import load

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

OLD, NEW = "old.safetensors", "a b/new.safetensors"


def model(value: float, layers: int = 3) -> bytes:
    return safetensors_bytes({f"l{i}": np.full((30, 20), value + i, "f4") for i in range(layers)})


def fork(repo: Repo, moved: bytes) -> None:
    """A base, ours with the model changed, and theirs with it moved and changed."""
    repo.theta("track", "*.safetensors")
    repo.write(OLD, model(0))
    repo.commit("base")
    repo.git("checkout", "-q", "-b", "theirs")
    repo.git("rm", "-q", OLD)
    repo.write(NEW, moved)
    repo.commit("moved")
    repo.git("checkout", "-q", "main")
    repo.write(OLD, model(2))
    repo.commit("tuned")


def follow(repo: Repo, said: str) -> None:
    """Run the commands that an output advises."""
    for line in said.splitlines():
        words = shlex.split(line) if line.startswith("  git ") else []
        if words[:2] == ["git", "theta"]:
            repo.theta(*words[2:])
        elif words:
            repo.git(*words[1:])


@pytest.mark.parametrize(
    ("branch", "words", "value"),
    [
        ("main", ("merge", "theirs"), 3),
        ("theirs", ("merge", "main"), 3),
        ("main", ("cherry-pick", "theirs"), 6),
        ("theirs", ("cherry-pick", "main"), 6),
    ],
)
def test_a_model_that_one_side_moved_is_merged_by_the_advice(
    repo: Repo, branch: str, words: tuple[str, ...], value: float
) -> None:
    fork(repo, model(4))
    repo.git("checkout", "-q", branch)
    repo.git(*words, ok=False)
    said = repo.theta("resolve", ok=False)
    assert f"its parameters are in {NEW}" in said
    follow(repo, said)
    assert not repo.git("ls-files", "-u")
    repo.git("commit", "-q", "--no-edit")
    assert repo.git("status", "--porcelain") == ""
    assert not (repo.path / OLD).exists()
    np.testing.assert_array_equal(load(repo.read(NEW))["l1"], np.full((30, 20), value + 1, "f4"))


def test_another_model_is_not_advised(repo: Repo) -> None:
    fork(repo, model(4, layers=4))
    repo.git("merge", "theirs", ok=False)
    said = repo.theta("resolve", ok=False)
    assert "not in theirs" in said
    assert NEW not in said
