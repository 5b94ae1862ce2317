from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

NAME = "m.safetensors"
BASE, CHANGED = (safetensors_bytes({"w": np.full((8, 8), value, "f4")}) for value in (0, 1))


def conflict(repo: Repo, removed_by: str) -> Path:
    """A file that one side changed and the other removed, in conflict."""
    path = repo.write(NAME, BASE)
    repo.commit()
    repo.git("checkout", "-qb", "side")
    for side in ("theirs", "ours"):
        if side == removed_by:
            path.unlink()
        else:
            path.write_bytes(CHANGED)
        repo.commit()
        if side == "theirs":
            repo.git("checkout", "-q", "-b", "mine", "HEAD~1")
    repo.git("merge", "side", ok=False)
    return path


@pytest.mark.parametrize("side", ["ours", "theirs"])
@pytest.mark.parametrize("removed_by", ["ours", "theirs"])
def test_a_side_settles_it(repo: Repo, removed_by: str, side: str) -> None:
    path = conflict(repo, removed_by)
    advice = repo.theta("resolve", ok=False)
    assert f"not in {removed_by}" in advice
    assert f"-s {removed_by} removes it" in advice
    repo.theta("resolve", NAME, "-s", side)
    assert path.exists() == (side != removed_by)
    if path.exists():
        assert path.read_bytes() == CHANGED
    assert not repo.git("ls-files", "-u")
    assert repo.theta("resolve").strip() == "Nothing is in conflict."
    repo.commit()
    assert not repo.git("status", "--porcelain")


def test_it_is_settled_together_with_others(repo: Repo) -> None:
    path = conflict(repo, "ours")
    repo.theta("resolve", "--all", "-s", "ours")
    assert not path.exists()
    assert not repo.git("ls-files", "-u")


def test_other_strategies_have_nothing_to_merge(repo: Repo) -> None:
    path = conflict(repo, "theirs")
    for decision in (["-s", "average"], ["-s", "ours", "--param", "w"]):
        said = repo.theta("resolve", NAME, *decision, ok=False)
        assert "isn't in both sides" in said
        assert "-s ours keeps it" in said
    assert "merge-tool" not in repo.theta("resolve", NAME, ok=False)
    assert path.read_bytes() == CHANGED
    assert repo.git("ls-files", "-u")


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_work_of_the_user_is_never_replaced(repo: Repo, side: str) -> None:
    path = conflict(repo, "theirs")
    mine = safetensors_bytes({"w": np.full((8, 8), 7, "f4")})
    path.write_bytes(mine)
    assert "isn't as the merge left it" in repo.theta("resolve", NAME, "-s", side, ok=False)
    assert path.read_bytes() == mine
    assert repo.git("ls-files", "-u")
