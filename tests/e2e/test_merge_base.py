"""Merges of checkpoints with a base that the user names, and with several rules."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.combining import NAMES, weights
from tests.helpers.repo import Repo

NAME = "m.safetensors"


def commit(repo: Repo, branch: str, seed: int, start: str = "", name: str = NAME) -> None:
    """A branch with a model; an unrelated history without a start."""
    if start:
        repo.git("checkout", "-q", "-B", branch, start)
    else:
        repo.git("checkout", "-q", "--orphan", branch)
        repo.git("rm", "-rfq", "--ignore-unmatch", ".")
    repo.write(".gitattributes", b"*.safetensors filter=theta diff=theta merge=theta -text\n")
    repo.write(name, safetensors_bytes(weights(seed), {"format": "pt"}))
    repo.commit(branch)


@pytest.fixture
def strangers(repo: Repo) -> Repo:
    """Two models in unrelated histories, and the model that both come from in a third one."""
    repo.theta("track", "*.safetensors")
    for seed, branch in enumerate(("base", "side", "main")):
        commit(repo, branch, seed)
    return repo


def sides(repo: Repo, *options: str) -> bytes:
    """The file that `combine` makes of the models of both branches."""
    repo.theta(
        "combine", *options, "--base", f"base:{NAME}", f"main:{NAME}", f"side:{NAME}", "-o", "x", "--force"
    )
    data = repo.read("x")
    (repo.path / "x").unlink()
    return data


@pytest.mark.parametrize("base", ["base", f"base:{NAME}"])
def test_unrelated_histories(strangers: Repo, base: str) -> None:
    expected = sides(strangers, "-s", "ties", "--set", "density=0.4")
    words = ("merge", "-s", "ties", "--set", "density=0.4", "--no-edit", "--base", base)
    strangers.theta(*words, "--allow-unrelated-histories", "side")
    assert strangers.read(NAME) == expected
    assert strangers.git("status", "--porcelain") == ""


@pytest.mark.slow
def test_without_it_a_strategy_with_a_base_is_a_conflict_that_resolve_settles(strangers: Repo) -> None:
    words = ("merge", "-s", "ties", "--no-edit", "--allow-unrelated-histories")
    assert "needs a base" in strangers.theta(*words, "side", ok=False)
    strangers.git("merge", "--abort")
    # The base is kept with a conflict.
    rule = "slerp parameters=*.mlp.* threshold=0.9"
    base = weights(0)
    base["embed.weight"] = base["embed.weight"][:2]
    commit(strangers, "small", 0)
    strangers.write(NAME, safetensors_bytes(base, {"format": "pt"}))
    strangers.commit("smaller")
    strangers.git("checkout", "-q", "main")
    said = strangers.theta(*words, "--rule", rule, "--base", "small", "side", ok=False)
    assert "embed.weight" in said
    strangers.theta("resolve", NAME, "--rule", "ours parameters=embed.weight", "-s", "average")
    found = load(strangers.read(NAME))
    np.testing.assert_array_equal(found["embed.weight"], weights(2)["embed.weight"])
    strangers.git("reset", "-q", "--hard")
    expected = load(sides(strangers, "-s", "ties", "--rule", rule))
    for name in NAMES[1:]:
        np.testing.assert_array_equal(found[name], expected[name])


def test_a_base_replaces_that_of_git(repo: Repo) -> None:
    repo.theta("track", "*.safetensors")
    commit(repo, "base", 0)
    commit(repo, "fork", 5, "base")
    commit(repo, "side", 1, "fork")
    commit(repo, "main", 2, "fork")
    expected = sides(repo, "-s", "task-arithmetic")
    repo.theta("merge", "-s", "task-arithmetic", "--no-edit", "--base", "base", "side")
    assert repo.read(NAME) == expected


@pytest.mark.parametrize("forked", [False, True])
def test_a_file_that_git_would_take_is_merged_with_the_base(repo: Repo, forked: bool) -> None:
    """Also where HEAD could simply be moved."""
    repo.theta("track", "*.safetensors")
    commit(repo, "base", 0)
    commit(repo, "main", 2, "base")
    commit(repo, "side", 1, "main")
    repo.git("checkout", "-q", "main")
    if forked:
        repo.write("notes", b"hello\n")
        repo.commit("notes")
    expected = sides(repo, "-s", "task-arithmetic", "--no-all-parameters")
    repo.theta("merge", "-s", "task-arithmetic", "--no-edit", "--base", "base", "side")
    assert repo.read(NAME) == expected
    assert len(repo.git("rev-list", "--parents", "-1", "HEAD").split()) == 3


def test_several_branches(repo: Repo) -> None:
    repo.theta("track", "*.safetensors")
    commit(repo, "base", 0)
    commit(repo, "fork", 5, "base")
    for seed, branch in enumerate(("one", "two", "main"), 1):
        commit(repo, branch, seed, "fork")
    names = [f"{branch}:{NAME}" for branch in ("main", "one", "two")]
    words = ("-s", "ties", "--rule", "average weights=0.5,0.3,0.2 parameters=embed.*", "--base")
    repo.theta("combine", *words, f"base:{NAME}", *names, "-o", "x")
    expected = repo.read("x")
    (repo.path / "x").unlink()
    repo.theta("merge", *words, "base", "--no-edit", "one", "two")
    assert repo.read(NAME) == expected


@pytest.mark.parametrize(
    ("base", "said"),
    [("none", "isn't a revision"), ("base:none", "there's no none"), ("empty", "none of the checkpoints")],
)
def test_a_wrong_base_changes_nothing(strangers: Repo, base: str, said: str) -> None:
    commit(strangers, "empty", 0, name="other.safetensors")
    strangers.git("checkout", "-q", "main")
    head, before = strangers.git("rev-parse", "HEAD"), strangers.read(NAME)
    words = ("merge", "-s", "ties", "--no-edit", "--allow-unrelated-histories", "--base", base, "side")
    assert said in strangers.theta(*words, ok=False)
    assert (strangers.git("rev-parse", "HEAD"), strangers.read(NAME)) == (head, before)
    assert strangers.git("status", "--porcelain") == ""


def test_without_a_strategy_the_average_is_taken_where_both_differ_from_the_base(repo: Repo) -> None:
    repo.theta("track", "*.safetensors")
    commit(repo, "base", 0)
    commit(repo, "main", 2, "base")
    commit(repo, "side", 1, "main")
    repo.git("checkout", "-q", "main")
    expected = sides(repo, "-s", "average")
    repo.theta("merge", "--no-edit", "--base", "base", "side")
    assert repo.read(NAME) == expected
