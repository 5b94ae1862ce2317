"""Merges of PyTorch checkpoints: torch loads the result, and it has the changes of both sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.repo import Repo

torch: Any = pytest.importorskip("torch")

NAME = "last.pt"


def checkpoint(**changes: Any) -> dict[str, Any]:
    """A training checkpoint after one step; a change of a weight is added to all of its elements."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(12, 20), torch.nn.BatchNorm1d(20), torch.nn.Linear(20, 3))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model(torch.randn(8, 12)).sum().backward()
    optimizer.step()
    state = model.state_dict()
    for name, change in changes.items():
        key = name.replace("_", ".", 1)
        if key in state:
            state[key] = state[key] + change
    if "head" in changes:
        state["head.weight"] = torch.full((2, 3), float(changes["head"]))
    held = optimizer.state_dict()
    held["param_groups"][0]["lr"] = changes.get("lr", 0.01)
    return {
        "model": state,
        "optimizer": held,
        "epoch": changes.get("epoch", 1),
        "args": {"name": "run", "seed": changes.get("seed", 0)},
    }


def fork(repo: Repo, ours: dict[str, Any], theirs: dict[str, Any], base: dict[str, Any], **save: Any) -> None:
    for branch, value in (("main", base), ("side", theirs), ("main", ours)):
        repo.git("checkout", "-q", "-B", branch) if value is not ours else repo.git("checkout", "-q", "main")
        torch.save(value, repo.path / NAME, **save)
        repo.commit(branch)


def loaded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(path, weights_only=True)
    return found


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_training_checkpoint(repo: Repo, zipped: bool) -> None:
    fork(
        repo,
        checkpoint(**{"0_weight": 0.5, "2_weight": 1.0}, head=1),
        checkpoint(**{"0_bias": 0.5, "2_weight": 2.0}, lr=0.001, epoch=2),
        checkpoint(),
        _use_new_zipfile_serialization=zipped,
    )
    output = repo.git("merge", "-m", "merged", "side")
    assert "1 averaged" in output
    found, expected = loaded(repo.path / NAME), checkpoint(**{"0_weight": 0.5, "0_bias": 0.5}, head=1)
    exact = checkpoint(**{"2_weight": 1.0})["model"]["2.weight"].double()
    exact = ((exact + checkpoint(**{"2_weight": 2.0})["model"]["2.weight"].double()) / 2).float()
    expected["model"]["2.weight"] = exact
    assert found["epoch"] == 2
    assert found["optimizer"]["param_groups"][0]["lr"] == 0.001
    assert list(found["model"]) == list(expected["model"])
    for name, value in expected["model"].items():
        assert torch.equal(found["model"][name], value), name
    for index, slots in expected["optimizer"]["state"].items():
        for slot, value in slots.items():
            assert torch.equal(found["optimizer"]["state"][index][slot], value)
    assert repo.status() == ""
    repo.theta("fsck")


def test_values_that_both_sides_changed_are_in_conflict(repo: Repo) -> None:
    ours, theirs = checkpoint(epoch=2, seed=1), checkpoint(epoch=3, seed=2, **{"0_bias": 0.5})
    fork(repo, ours, theirs, checkpoint())
    output = repo.git("merge", "-m", "merged", "side", ok=False)
    assert "args/seed: changed to different values on both sides" in output
    repo.theta("resolve", NAME, "-s", "ours", "--param", "args/seed")
    found = loaded(repo.path / NAME)
    assert (found["args"]["seed"], found["epoch"]) == (1, 3)
    assert torch.equal(found["model"]["0.bias"], checkpoint(**{"0_bias": 0.5})["model"]["0.bias"])


def test_tied_weights_stay_tied(repo: Repo) -> None:
    def tied(shift: float) -> dict[str, Any]:
        weight = torch.arange(12.0).reshape(3, 4) + shift
        return {"embedding": weight, "head": weight}

    fork(repo, tied(1), tied(2), tied(0))
    repo.git("merge", "-m", "merged", "side", env={"GIT_THETA_MERGE": "dare-linear density=0.5"})
    found = loaded(repo.path / NAME)
    assert torch.equal(found["embedding"], found["head"])
    assert found["embedding"].data_ptr() == found["head"].data_ptr()


def test_rules_that_would_tear_tied_weights_apart(repo: Repo) -> None:
    def tied(shift: float) -> dict[str, Any]:
        weight = torch.arange(12.0).reshape(3, 4) + shift
        return {"embedding": weight, "head": weight}

    fork(repo, tied(1), tied(2), tied(0))
    output = repo.git(
        "merge", "-m", "merged", "side", ok=False, env={"GIT_THETA_MERGE": "theirs parameters=head"}
    )
    assert "tied" in output
    assert torch.equal(loaded(repo.path / NAME)["head"], tied(1)["head"])


def test_a_pickle_too_long_for_a_layout(repo: Repo) -> None:
    """Its bytes are a stretch, which belongs to the rest of the file."""

    def noted(shift: float, **more: Any) -> dict[str, Any]:
        return {"notes": "a long text " * 100_000, "w": torch.ones(3) * shift, **more}

    fork(repo, noted(1), noted(0, new=torch.ones(2)), noted(0))
    repo.git("merge", "-q", "-m", "merged", "side")
    found = loaded(repo.path / NAME)
    assert torch.equal(found["w"], torch.ones(3))
    assert torch.equal(found["new"], torch.ones(2))
    assert found["notes"] == noted(1)["notes"]
    assert repo.status() == ""


def scores(run: int) -> dict[str, Any]:
    """A checkpoint with one score under two keys, one of which is the path of the best file of the run."""
    score = torch.tensor(1.0 - 0.1 * run)
    best = {"best_model_score": score, "best_k_models": {f"/ck/epoch={run}.ckpt": score}}
    return {"epoch": run, "state_dict": {"w": torch.ones(8, 8) + run}, "callback": best}


def test_tied_values_under_other_keys_end_by_a_side(repo: Repo) -> None:
    fork(repo, scores(2), scores(1), scores(0))
    repo.git("merge", "-q", "side", ok=False)
    output = repo.theta("resolve", NAME, "-s", "ours")
    assert "warning: some are as in ours: parameters share memory" in output
    found = loaded(repo.path / NAME)
    assert found["callback"]["best_model_score"] == scores(2)["callback"]["best_model_score"]
    assert (found["state_dict"]["w"] == 2.5).all()
    assert "isn't in conflict" in repo.theta("resolve", NAME, "-s", "ours")


def test_views_of_other_columns_end_by_a_side(repo: Repo) -> None:
    made = [torch.full((70, 32), float(value))[:, :16] for value in (1, 2, 3)]
    fork(repo, {"e": made[1]}, {"e": made[2]}, {"e": made[0]})
    if repo.run("git", "merge", "-q", "-m", "merged", "side", ok=False).returncode:
        repo.theta("resolve", NAME, "-s", "theirs")
        assert (loaded(repo.path / NAME)["e"] == 3).all()


def test_dtypes_of_sides_and_no_others(repo: Repo) -> None:
    repo.theta("track", "*.pt")
    base, ours, theirs = (
        {"w": torch.full((30, 40), number), "v": torch.zeros(9)} for number in (0.0, 3.0, 1.0)
    )
    fork(repo, ours, {name: value.half() for name, value in theirs.items()}, base)
    said = repo.theta("merge", "--no-edit", "--dtype", "BF16", "side", ok=False)
    assert "choose what a side has: --dtype ours (or theirs)" in said
    repo.theta("resolve", NAME, "--dtype", "theirs")
    found = loaded(repo.path / NAME)
    assert {str(value.dtype) for value in found.values()} == {"torch.float16"}
    assert (found["w"] == 2).all()
