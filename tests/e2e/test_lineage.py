"""`git theta lineage` with real Git: records are tracked files, and follow their models."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.lineage_models import BASE, MNLI, RECORD, SST, weights
from tests.helpers.repo import Repo
from tests.helpers.sharded import small_model, split, write_shards


@pytest.fixture
def family(repo: Repo) -> Repo:
    """A base and two fine-tunes of it, without records."""
    repo.write(BASE, weights())
    repo.write(SST, weights(3))
    repo.write(MNLI, weights(2, 3, 3))
    repo.write("alone.safetensors", safetensors_bytes({"x": np.ones(4, "f4")}))
    repo.commit("models")
    return repo


@pytest.fixture
def recorded(family: Repo) -> Repo:
    family.theta("lineage", "add", SST, "--from", BASE, "--relation", "finetune", "--why", "for sentiment")
    family.theta("lineage", "add", "mnli", "--from", "base", "--relation", "finetune")
    family.theta("lineage", "add", "base", "--from", "hf:org/name@main")
    family.commit("records")
    return family


def shown(repo: Repo, *words: str) -> Any:
    return json.loads(repo.run_theta("lineage", "show", *words, "--json").stdout)


def edges(repo: Repo, *words: str) -> list[tuple[str, str]]:
    return [(edge["child"], edge["parent"]) for edge in shown(repo, *words)["edges"]]


def test_the_tree(recorded: Repo) -> None:
    lines = recorded.theta("lineage").splitlines()
    assert [re.sub(r" \([0-9.]+ K?B stored\)$", "", line) for line in lines] == [
        "hf:org/name@main",
        f"└── {BASE}  derived, 4.4 KB",
        f"    ├── {MNLI}  finetune, 50% equal, 4.4 KB",
        f"    └── {SST}  finetune, 75% equal, 4.4 KB",
        "nothing is known of the origin of 1 model: alone.safetensors",
    ]
    stored = {model["path"]: model["stored"] for model in shown(recorded)["models"]}
    assert 0 < max(stored[SST], stored[MNLI]) < stored[BASE]
    assert stored["hf:org/name@main"] is None


def test_json(recorded: Repo) -> None:
    found = shown(recorded)
    assert [model["path"] for model in found["models"]] == [
        "alone.safetensors",
        BASE,
        MNLI,
        SST,
        "hf:org/name@main",
    ]
    digests = {model["path"]: model["model"] for model in found["models"]}
    edge = next(edge for edge in found["edges"] if edge["child"] == SST)
    assert (edge["parent"], edge["relation"], edge["source"]) == (BASE, "finetune", "recorded")
    assert (edge["parent_model"], edge["current"], edge["shared"]) == (digests[BASE], True, 0.75)


def test_around_a_model(recorded: Repo) -> None:
    assert edges(recorded, "sst2", "--ancestors") == [(BASE, "hf:org/name@main"), (SST, BASE)]
    assert edges(recorded, "base", "--descendants") == [(MNLI, BASE), (SST, BASE)]
    assert recorded.theta("lineage", "sst2", "--ancestors").splitlines()[0].startswith(SST)
    assert recorded.theta("lineage", "common", "sst2", "mnli").strip() == BASE
    assert recorded.theta("lineage", "path", "sst2", "mnli").splitlines() == [
        SST,
        f"  from {BASE}  (finetune)",
        f"  made into {MNLI}  (finetune)",
    ]
    assert recorded.run_theta("lineage", "path", "sst2", "alone.safetensors", ok=False).returncode == 1


def test_a_revision_has_its_own_records(recorded: Repo) -> None:
    assert edges(recorded, "--rev", "HEAD~1") == []
    assert len(edges(recorded, "--rev", "HEAD")) == 3
    (recorded.path / RECORD).unlink()
    assert len(edges(recorded)) == 2
    assert len(edges(recorded, "--rev", "HEAD")) == 3


def test_a_new_version_makes_edges_old(recorded: Repo) -> None:
    recorded.write(BASE, weights(0))
    recorded.git("add", BASE)
    found = shown(recorded)
    assert {edge["child"]: edge["current"] for edge in found["edges"]}[SST] is False
    assert "made for another version" in next(m for m in found["models"] if m["path"] == BASE)["problems"][0]
    assert "of an earlier version of the parent" in recorded.theta("lineage")
    recorded.theta("lineage", "add", "base", "--from", "hf:org/name@main")
    recorded.theta("lineage", "add", "sst2", "--from", "base")
    found = shown(recorded)
    edge = next(edge for edge in found["edges"] if edge["child"] == SST)
    assert (edge["current"], edge["why"], edge["relation"]) == (True, "for sentiment", "finetune")


def test_records_follow_models_that_move(recorded: Repo) -> None:
    recorded.git("mv", "sst2", "sentiment")
    recorded.git("mv", "base", "origin")
    moved, origin = "sentiment/model.safetensors", "origin/model.safetensors"
    assert set(edges(recorded)) == {(moved, origin), (MNLI, origin), (origin, "hf:org/name@main")}
    recorded.theta("lineage", "add", moved, "--from", "mnli", "--why", "and more")
    assert not (recorded.path / RECORD).exists()
    text = recorded.read(f".theta/lineage/{moved}.toml").decode()
    assert 'why = "and more"' in text
    assert (moved, MNLI) in edges(recorded, moved, "--ancestors")


def test_models_that_moved_and_changed_later(recorded: Repo) -> None:
    """The path in a record leads to the model by the renames in history."""
    recorded.git("mv", "sst2", "tuned")
    recorded.git("mv", "base", "origin")
    recorded.commit("moved")
    recorded.git("mv", "tuned", "sentiment")
    recorded.commit("moved again")
    moved, origin = "sentiment/model.safetensors", "origin/model.safetensors"
    recorded.write(moved, weights(3, 3, 3))
    recorded.write(origin, weights(0))
    recorded.commit("both trained on")
    found = {(edge["child"], edge["parent"]): edge for edge in shown(recorded)["edges"]}
    assert set(found) == {(moved, origin), (MNLI, origin), (origin, "hf:org/name@main")}
    assert found[moved, origin]["current"] is False
    problems = {model["path"]: model["problems"] for model in shown(recorded)["models"]}
    assert problems[moved] == [f"{RECORD} was made for another version of it"]
    checked = json.loads(recorded.run_theta("lineage", "verify", "--json", ok=False).stdout)
    assert [edge["problems"] for edge in checked["edges"] if edge["child"] == MNLI] == [[]]
    plan = json.loads(recorded.run_theta("cascade", "origin", "--dry-run", "--json").stdout)
    assert moved in {step["model"] for step in plan["steps"]}


def test_a_removed_model_leaves_its_record(recorded: Repo) -> None:
    """A model that was removed isn't taken for another one."""
    recorded.git("rm", "-q", SST)
    recorded.commit("removed")
    recorded.write("later.safetensors", weights(1, 2))
    recorded.commit("a new one")
    assert set(edges(recorded)) == {(MNLI, BASE), (BASE, "hf:org/name@main")}
    assert f"its model, {SST}, isn't in this version" in recorded.theta("lineage", "verify", ok=False)


def test_records_are_merged_as_text(recorded: Repo) -> None:
    recorded.git("checkout", "-q", "-b", "side")
    recorded.theta("lineage", "add", "alone.safetensors", "--from", "mnli", "--relation", "distilled")
    recorded.commit("on side")
    recorded.git("checkout", "-q", "-")
    recorded.theta("lineage", "add", "sst2", "--from", "base", "--why", "for reviews")
    recorded.commit("on main")
    recorded.git("merge", "-q", "-m", "both", "side")
    assert len(edges(recorded)) == 4


def test_a_conflict_in_a_record(recorded: Repo) -> None:
    recorded.git("checkout", "-q", "-b", "side")
    recorded.theta("lineage", "add", "sst2", "--from", "base", "--why", "one")
    recorded.commit("on side")
    recorded.git("checkout", "-q", "-")
    recorded.theta("lineage", "add", "sst2", "--from", "base", "--why", "other")
    recorded.commit("on main")
    recorded.git("merge", "side", ok=False)
    done = recorded.run_theta("lineage")
    assert f"{RECORD} is in conflict" in done.stderr
    assert (SST, BASE) not in edges(recorded)
    assert "in conflict" in recorded.theta("lineage", "add", "sst2", "--from", "base", ok=False)


def test_the_log(recorded: Repo) -> None:
    recorded.write(SST, weights(3, 3, 3))
    recorded.theta("lineage", "add", "mnli", "--from", "base", "--why", "not this one")
    recorded.commit("tuned more")
    lines = recorded.theta("lineage", "log", "sst2").splitlines()
    assert [line.split("  ")[-1] for line in lines if not line.startswith(" ")] == [
        "tuned more",
        "records",
        "models",
    ]
    assert sum("finetune of base/model.safetensors at " in line for line in lines) == 2
    assert sum("made for another version" in line for line in lines) == 1
    found = json.loads(recorded.run_theta("lineage", "log", "sst2", "--json").stdout)
    assert [len(change["edges"]) for change in found] == [1, 1, 0]


def test_versions(recorded: Repo) -> None:
    recorded.write(SST, weights(3, 3, 3))
    recorded.commit("tuned more")
    found = {model["path"]: model.get("versions") for model in shown(recorded, "--versions")["models"]}
    assert [version["subject"] for version in found[SST]] == ["tuned more", "models"]
    assert len({version["model"] for version in found[SST]}) == 2
    assert "2 versions" in recorded.theta("lineage", "--versions")


def test_remove(recorded: Repo) -> None:
    recorded.theta("lineage", "add", "sst2", "--from", "mnli")
    recorded.theta("lineage", "remove", "sst2", "--from", "base")
    assert (SST, MNLI) in edges(recorded)
    assert (SST, BASE) not in edges(recorded)
    assert f"{RECORD}: deleted" in recorded.theta("lineage", "remove", "sst2")
    assert not (recorded.path / ".theta/lineage/sst2").exists()
    assert "has no record" in recorded.theta("lineage", "remove", "sst2", ok=False)
    recorded.git("rm", "-q", MNLI)
    assert "deleted" in recorded.theta("lineage", "remove", MNLI)


def test_edit(recorded: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_EDITOR", "sed -i 's/for sentiment/by hand/'")
    assert "written" in recorded.theta("lineage", "edit", "sst2")
    assert b"by hand" in recorded.read(RECORD)
    monkeypatch.setenv("GIT_EDITOR", "sed -i 's/^relation.*/relation = 3/'")
    assert "the record is as it was" in recorded.theta("lineage", "edit", "sst2", ok=False)
    assert b"by hand" in recorded.read(RECORD)
    monkeypatch.setenv("GIT_EDITOR", "true")
    assert "unchanged" in recorded.theta("lineage", "edit", "alone.safetensors")
    assert not (recorded.path / ".theta/lineage/alone.safetensors.toml").exists()


def test_shards_are_one_model(repo: Repo) -> None:
    model = small_model()
    write_shards(repo, "llama", split(model, 2))
    repo.write("base.safetensors", safetensors_bytes(model))
    repo.commit("sharded")
    repo.theta("lineage", "add", "llama", "--from", "base.safetensors", "--relation", "resharded")
    found = shown(repo)
    digests = {each["path"]: each["model"] for each in found["models"]}
    assert digests["llama/model.safetensors"] == digests["base.safetensors"]
    assert found["edges"][0]["shared"] == 1
    write_shards(repo, "llama", split(model, 1, 3))
    repo.commit("in three")
    versions = {each["path"]: each["versions"] for each in shown(repo, "--versions")["models"]}
    assert len(versions["llama/model.safetensors"]) == 2


def test_bad_input(recorded: Repo) -> None:
    before = recorded.git("status", "--short")
    for words, message in (
        (("add", "base", "--from", "sst2"), "is derived from"),
        (("add", "base", "--from", "base"), "derived from itself"),
        (("add", "nothing.pt", "--from", "base"), "isn't a model"),
        (("add", "sst2", "--from", "nothing.pt"), "isn't a model"),
        (("add", "sst2", "--from", "../other"), "isn't a path of a file in this repository"),
        (("show", "nothing.pt"), "isn't a model"),
        (("show", "--rev", "nothing"), "isn't a revision"),
        (("show", "--ancestors"), "of which model"),
        (("remove", "sst2", "--from", "mnli"), "has no parent"),
    ):
        assert message in recorded.theta("lineage", *words, ok=False), words
    assert recorded.git("status", "--short") == before


def test_hostile_records(recorded: Repo, tmp_path: Path) -> None:
    recorded.write(RECORD, b"[[parent]]\npath = '../../../etc/passwd'\n")
    recorded.write(f".theta/lineage/{MNLI}.toml", b"[[parent]]\nuri = 'hf:\\u001b[31mred'\nrelation = 'x'\n")
    recorded.write(".theta/lineage/alone.safetensors.toml", b"#" * (1 << 19))
    done = recorded.run_theta("lineage")
    assert "isn't that of a file in the repository" in done.stderr
    assert "is larger than 256 KiB" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "m.pt.toml").write_bytes(b"[[parent]]\npath = 'secret'\n")
    os.symlink(outside, recorded.path / ".theta/lineage/folder")
    (recorded.path / RECORD).unlink()
    os.symlink(outside / "m.pt.toml", recorded.path / RECORD)
    done = recorded.run_theta("lineage")
    assert "is a link" in done.stderr
    assert "secret" not in done.stdout


def test_circles_are_told(recorded: Repo) -> None:
    text = f'[[parent]]\npath = "{SST}"\n'.encode()
    recorded.write(f".theta/lineage/{BASE}.toml", text)
    assert "└── " in recorded.theta("lineage")
    assert "…" in recorded.theta("lineage")
