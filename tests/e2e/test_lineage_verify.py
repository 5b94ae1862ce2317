"""`git theta lineage verify` with real Git."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.lineage_models import BASE, RECORD, SST, weights
from tests.helpers.repo import Repo


@pytest.fixture
def family(repo: Repo) -> Repo:
    repo.write(BASE, weights())
    repo.write(SST, weights(3))
    repo.write("train.py", b"print(1)\n")
    repo.commit("models")
    repo.theta("lineage", "add", "sst2", "--from", "base", "--relation", "finetune", "--frozen", "l.[0-2]")
    repo.theta("lineage", "add", "base", "--from", "hf:org/name")
    repo.commit("records")
    return repo


def verified(repo: Repo, *words: str, ok: bool = True) -> Any:
    done = repo.run_theta("lineage", "verify", *words, "--json", ok=False)
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_nothing_is_wrong(family: Repo) -> None:
    found = verified(family)
    edges = {edge["child"]: edge for edge in found["edges"]}
    assert edges[SST] == {
        "child": SST,
        "parent": BASE,
        "relation": "finetune",
        "source": "recorded",
        "ok": True,
        "problems": [],
        "unknown": [],
    }
    assert edges[BASE]["unknown"] == ["hf:org/name isn't in this repository"]
    assert found["records"] == []
    assert "2 derivations: nothing is wrong" in family.theta("lineage", "verify")


def test_a_promise_that_isnt_kept(family: Repo) -> None:
    family.write(SST, weights(1, 3))
    family.git("add", SST)
    family.theta("lineage", "add", "sst2", "--from", "base")
    (edge,) = verified(family, "sst2", ok=False)["edges"]
    assert edge["problems"] == ["not frozen, as it's said: l.1"]
    assert "wrong    sst2/model.safetensors (finetune" in family.theta("lineage", "verify", ok=False)


def test_an_earlier_version_of_the_parent_is_in_history(family: Repo) -> None:
    family.write(BASE, weights(0, 1, 2))
    family.commit("a new base")
    found = verified(family, "sst2")
    assert found["edges"][0]["ok"]
    text = family.read(RECORD).decode()
    digest = text.split('model = "')[2][:71]
    family.write(RECORD, text.replace(digest, "blake3:" + "0" * 64).encode())
    (edge,) = verified(family, "sst2", ok=False)["edges"]
    assert edge["problems"] == [f"no version of {BASE} in history is 000000000000"]


def test_a_shallow_clone_doesnt_know(family: Repo, tmp_path: Path) -> None:
    family.write(BASE, weights(0, 1, 2))
    family.commit("a new base")
    family.git("clone", "-q", "--depth", "1", f"file://{family.path}", str(tmp_path / "clone"))
    (edge,) = verified(Repo(tmp_path / "clone"), "sst2")["edges"]
    assert "is cut off" in edge["unknown"][0]


def test_a_relation_that_isnt_plausible(family: Repo) -> None:
    family.write("other.safetensors", safetensors_bytes({"x": np.ones((32, 32), "f4")}))
    family.git("add", "-A")
    family.theta("lineage", "add", "other.safetensors", "--from", "base", "--relation", "finetune")
    (edge,) = verified(family, "other.safetensors", ok=False)["edges"]
    assert "no fine-tune of base" in edge["problems"][0]


def test_inputs_that_changed(family: Repo) -> None:
    oid = family.git("rev-parse", "HEAD:train.py").strip()
    run = f'\n[run]\ncommand = ["python"]\n[run.inputs]\n"train.py" = "git:{oid}"\n"gone" = "git:1"\n'
    family.write(RECORD, family.read(RECORD) + run.encode())
    assert verified(family, ok=False)["records"] == [
        {"path": SST, "problems": ["input gone isn't in this version"]}
    ]
    family.write("train.py", b"print(2)\n")
    family.commit("changed")
    assert "input train.py has changed since" in verified(family, ok=False)["records"][0]["problems"]


def test_records_of_other_versions_and_of_nothing(family: Repo) -> None:
    family.write(SST, weights(2, 3))
    family.git("add", SST)
    family.write(".theta/lineage/gone.pt.toml", b"relation = 'merge'\n")
    family.write(".theta/lineage/odd.pt.toml", b"relation = \n")
    problems = {each["path"]: each["problems"] for each in verified(family, ok=False)["records"]}
    assert "made for another version" in problems[SST][0]
    assert problems[".theta/lineage/gone.pt.toml"] == ["its model, gone.pt, isn't in this version"]
    assert "isn't valid TOML" in problems[".theta/lineage/odd.pt.toml"][0]


def test_circles(family: Repo) -> None:
    family.write(f".theta/lineage/{BASE}.toml", f'[[parent]]\npath = "{SST}"\n'.encode())
    problems = verified(family, ok=False)["records"]
    assert any("derived from itself" in problem for each in problems for problem in each["problems"])


def test_a_parent_that_was_removed(family: Repo) -> None:
    family.git("rm", "-q", BASE)
    found = verified(family, "sst2", ok=False)
    assert found["edges"][0]["problems"] == [f"{BASE} isn't in this version"]
