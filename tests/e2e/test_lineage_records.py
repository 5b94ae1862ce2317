"""Lineage records that commands write about the models that they make."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from typing import Any

import numpy as np
import pytest

from git_theta.lineage.record import record_path
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

BASE, ONE, OTHER, SOUP = (f"{name}.safetensors" for name in ("base", "one", "other", "soup"))
UPDATE = "lora/update.safetensors"


def model(step: float) -> bytes:
    random = np.random.default_rng(0)
    return safetensors_bytes({f"l.{i}": random.standard_normal((8, 8)).astype("f4") + step for i in range(3)})


@pytest.fixture(scope="session")
def models(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Three models and an update, committed."""
    repo = tracked.copy(tmp_path_factory.mktemp("records") / "repo")
    for step, name in enumerate((BASE, ONE, OTHER)):
        repo.write(name, model(step))
    random = np.random.default_rng(1)
    factors = {"l.1/R": random.standard_normal((8, 1)), "l.1/C": random.standard_normal((1, 8))}
    repo.write(UPDATE, safetensors_bytes({name: array.astype("f4") for name, array in factors.items()}))
    repo.commit("models")
    return repo


@pytest.fixture(autouse=True)
def program(monkeypatch: pytest.MonkeyPatch) -> None:
    """`git theta` is found by commands that records have."""
    monkeypatch.setenv("PATH", os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"])))


@pytest.fixture
def repo(models: Repo, tmp_path: Any) -> Repo:
    return models.copy(tmp_path / "repo")


def record(repo: Repo, name: str) -> dict[str, Any]:
    return tomllib.loads(repo.read(record_path(name)).decode())


def edges(repo: Repo) -> set[tuple[str, str, str]]:
    """Child, parent and relation of all edges."""
    found = json.loads(repo.run_theta("lineage", "--json").stdout)["edges"]
    return {(edge["child"], edge["parent"], edge["relation"]) for edge in found}


def test_a_combination_is_a_merge_of_its_models(repo: Repo) -> None:
    words = (
        "combine",
        "-s",
        "ties",
        "--set",
        "density=0.5",
        "--base",
        BASE,
        ONE,
        f"HEAD:{OTHER}",
        "-o",
        SOUP,
    )
    said = repo.theta(*words)
    assert (
        f"{SOUP}: staged, and recorded as made of {ONE}, {OTHER}, {BASE} (--no-record leaves that out)"
        in said
    )
    assert repo.git("status", "--short") == f"A  .theta/lineage/{SOUP}.toml\nA  {SOUP}\n"
    assert edges(repo) == {(SOUP, parent, "merge") for parent in (BASE, ONE, OTHER)}
    assert record(repo, SOUP)["why"] == "combined by ties density=0.5"
    repo.git("commit", "-qm", "soup")
    assert "nothing is wrong" in repo.theta("lineage", "verify")
    assert "the same, bit for bit" in repo.theta("rerun", SOUP)
    assert repo.status() == ""


def test_the_record_has_the_versions_that_were_read(repo: Repo) -> None:
    repo.write(ONE, model(7))
    repo.theta("combine", "-s", "average", ONE, OTHER, "-o", SOUP)
    old, new = (parent["model"] for parent in record(repo, SOUP)["parent"])
    known = {each["path"]: each["model"] for each in json.loads(repo.theta("lineage", "--json"))["models"]}
    assert old != known[ONE]
    assert new == known[OTHER]
    repo.git("add", ONE)
    known = {each["path"]: each["model"] for each in json.loads(repo.theta("lineage", "--json"))["models"]}
    assert old == known[ONE]


def test_models_that_git_does_not_have(repo: Repo) -> None:
    (repo.path.parent / "far.safetensors").write_bytes(model(3))
    repo.theta("combine", "-s", "average", ONE, "../far.safetensors", "-o", SOUP)
    assert edges(repo) == {(SOUP, ONE, "merge"), (SOUP, "file:far.safetensors", "merge")}


def test_combinations_that_are_not_recorded(repo: Repo) -> None:
    words = ("combine", "-s", "average", ONE, OTHER)
    repo.theta(*words, "-o", SOUP, "--no-record")
    repo.theta(*words, "-o", "soup.ckpt")
    repo.theta(*words, "-o", "../soup.safetensors")
    repo.write(".gitignore", b"ignored.safetensors\n")
    repo.theta(*words, "-o", "ignored.safetensors")
    assert not (repo.path / ".theta").exists()
    assert repo.git("diff", "--cached", "--name-only") == ""
    assert repo.git("status", "--short") == "?? .gitignore\n?? soup.ckpt\n?? soup.safetensors\n"


def test_a_new_version_of_a_model_of_the_combination(repo: Repo) -> None:
    """The model's own version is no parent: history has it."""
    repo.theta("combine", "-s", "average", "--force", ONE, OTHER, "-o", ONE)
    assert edges(repo) == {(ONE, OTHER, "derived")}
    said = repo.theta("combine", "-s", "average", "--force", OTHER, ONE, "-o", OTHER)
    assert f"not recorded: {ONE} is derived from {OTHER} already" in said
    assert repo.git("status", "--short", OTHER) == f" M {OTHER}\n"


def test_a_record_that_cannot_be_written_stops_a_combination(repo: Repo) -> None:
    repo.write(record_path(SOUP), b"relation = 3")
    words = ("combine", "-s", "average", ONE, OTHER, "-o", SOUP)
    said = repo.theta(*words, ok=False)
    assert "relation isn't a text" in said
    assert "--no-record" in said
    assert not (repo.path / SOUP).exists()
    repo.theta(*words, "--no-record")


def test_what_users_wrote_stays(repo: Repo) -> None:
    repo.write(record_path(SOUP), b'# ours\nwhy = "for the demo"\nteam = "nlp"\n')
    repo.theta("combine", "-s", "average", ONE, OTHER, "-o", SOUP)
    assert repo.read(record_path(SOUP)).startswith(b"# ours\n")
    assert (record(repo, SOUP)["why"], record(repo, SOUP)["team"]) == ("for the demo", "nlp")


def test_a_run_records_its_combination_itself(repo: Repo) -> None:
    words = ("git", "theta", "combine", "-s", "average", ONE, OTHER, "-o", "{out}")
    said = repo.theta(
        "run", "--from", ONE, "--from", OTHER, "--out", SOUP, "--relation", "soup", "--", *words
    )
    assert "staged, and recorded as" not in said
    assert edges(repo) == {(SOUP, parent, "soup") for parent in (ONE, OTHER)}
    assert record(repo, SOUP)["run"]["command"] == list(words)


def test_a_tracked_adapter_is_a_parent(repo: Repo) -> None:
    repo.theta("lineage", "add", ONE, "--from", BASE, "--relation", "finetune")
    words = ("add", ONE, "--update-type", "low-rank", "--update-data", UPDATE)
    assert f"Recorded as adapted by {UPDATE} (--no-record leaves that out)." in repo.theta(*words)
    assert edges(repo) == {(ONE, BASE, "finetune"), (ONE, UPDATE, "adapted")}
    assert repo.git("diff", "--cached", "--name-only") == f".theta/lineage/{ONE}.toml\n{ONE}\n"
    repo.commit("adapted")
    assert "nothing is wrong" in repo.theta("lineage", "verify")
    # What is said about one parent stays if the other one is named again.
    repo.theta("lineage", "add", ONE, "--from", BASE)
    assert edges(repo) == {(ONE, BASE, "finetune"), (ONE, UPDATE, "adapted")}


def test_an_adapter_of_a_revision(repo: Repo) -> None:
    repo.git("rm", "-qr", "lora")
    repo.theta("add", ONE, "--update-type", "low-rank", "--update-data", f"HEAD:{UPDATE}")
    assert edges(repo) == {(ONE, UPDATE, "adapted")}


def test_a_record_of_updates_that_cannot_be_written(repo: Repo) -> None:
    repo.write(record_path(ONE), b"relation = 3")
    said = repo.theta("add", ONE, "--update-type", "low-rank", "--update-data", UPDATE, ok=False)
    assert f"{ONE} is staged, but its record isn't: " in said
    assert repo.git("diff", "--cached", "--name-only") == f"{ONE}\n"


def test_updates_that_are_not_recorded(repo: Repo) -> None:
    words = ("add", "--update-type", "low-rank", "--update-data")
    (repo.path.parent / "far.safetensors").write_bytes(repo.read(UPDATE))
    repo.theta(*words, "../far.safetensors", ONE)
    repo.theta(*words, UPDATE, OTHER, "--no-record")
    assert edges(repo) == set()
    # The adapter was trained on an earlier version of the model.
    repo.theta("lineage", "add", UPDATE, "--from", BASE, "--relation", "adapter")
    assert f"not recorded: {UPDATE} is derived from {BASE} already" in repo.theta(*words, UPDATE, BASE)
    assert edges(repo) == {(UPDATE, BASE, "adapter")}
