"""`git theta lineage export` with real Git: digests are the files', contradictions are refused."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.lineage_models import BASE, RECORD, SST, weights
from tests.helpers.repo import Repo
from tests.helpers.sharded import small_model, split, write_shards

pytest.importorskip("cyclonedx")
pytest.importorskip("in_toto_attestation")
pytest.importorskip("yaml")


@pytest.fixture
def family(repo: Repo) -> Repo:
    repo.write(BASE, weights())
    repo.write(SST, weights(3))
    repo.commit("models")
    repo.theta("lineage", "add", "sst2", "--from", "base", "--relation", "finetune", "--frozen", "l.[0-2]")
    repo.theta("lineage", "add", "base", "--from", "hf:org/name")
    repo.commit("records")
    return repo


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def bom(repo: Repo, *words: str) -> Any:
    return json.loads(repo.run_theta("lineage", "export", "--to", "cyclonedx", *words).stdout)


def hash_of(component: Any) -> str:
    return next(each["content"] for each in component["hashes"] if each["alg"] == "SHA-256")


def notes(component: Any) -> dict[str, str]:
    return {each["name"].partition(":")[2]: each["value"] for each in component["properties"]}


def test_what_is_read_is_verified_and_the_rest_stated(family: Repo) -> None:
    root = bom(family, "sst2")["metadata"]["component"]
    assert hash_of(root) == sha256(weights(3))
    (ancestor,) = root["pedigree"]["ancestors"]
    assert hash_of(ancestor) == sha256(weights())
    assert notes(ancestor)["verified"] == "parent-digest, relation-plausible, frozen-parameters"
    assert bom(family) == bom(family)
    root = bom(family, "sst2", "--unchecked")["metadata"]["component"]
    assert "hashes" not in root
    assert notes(root)["stated"] == "model-digest"
    (ancestor,) = root["pedigree"]["ancestors"]
    assert "verified" not in notes(ancestor)
    assert notes(ancestor)["stated"] == "parent-digest, relation, frozen-parameters"


def test_the_earlier_version_of_a_parent_is_hashed(family: Repo) -> None:
    family.write(BASE, weights(0, 1, 2))
    family.theta("lineage", "add", "base", "--from", "hf:org/name")
    family.commit("a new base")
    found = bom(family, "sst2")
    assert hash_of(found["metadata"]["component"]["pedigree"]["ancestors"][0]) == sha256(weights())
    (now,) = [each for each in found["components"] if each["name"] == BASE]
    assert hash_of(now) == sha256(weights(0, 1, 2))
    assert bom(family, "sst2", "--rev", "HEAD~1")["components"] != found["components"]


def test_contradictions_are_refused(family: Repo) -> None:
    family.write(SST, weights(1, 3))
    family.theta("lineage", "add", "sst2", "--from", "base")
    family.commit("tuned more")
    done = family.run_theta("lineage", "export", "--to", "cyclonedx", "-o", "bom.json", ok=False)
    assert done.returncode == 1
    assert "not frozen, as it's said: l.1" in done.stderr
    assert not (family.path / "bom.json").exists()
    assert bom(family, "base")["metadata"]["component"]["name"] == BASE


def test_damaged_objects_are_refused(family: Repo) -> None:
    for path in (family.path / ".git/theta/objects").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            path.write_bytes(b"\0" * path.stat().st_size)
    done = family.run_theta("lineage", "export", "--to", "cyclonedx", ok=False)
    assert done.returncode
    assert done.stdout == ""


def test_a_run(family: Repo) -> None:
    family.write("train.py", b"import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])\n")
    family.write("new.safetensors", weights(2))
    family.commit("script")
    command = (sys.executable, "train.py", "new.safetensors", "{out}")
    words = ("--from", "base", "--input", "train.py", "--out", "run/model.safetensors")
    family.theta("run", *words, "--relation", "finetune", "--", *command)
    family.commit("run")
    export = ("lineage", "export", "--to", "in-toto", "--url", "https://user:secret@example.com/m.git")
    statement = json.loads(family.run_theta(*export).stdout)
    assert statement["subject"][0]["digest"]["sha256"] == sha256(weights(2))
    source, script, base = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert source["uri"] == "https://example.com/m.git"
    assert script["digest"]["sha256"] == sha256(family.read("train.py"))
    assert base["digest"]["sha256"] == sha256(weights())
    family.write("run/model.safetensors", weights(2, 2))
    family.commit("changed by hand")
    done = family.run_theta(*export, ok=False)
    assert "no record has the command that made the model, as it is in this commit" in done.stderr


def test_a_shallow_clone_states_only(family: Repo, tmp_path: Path) -> None:
    family.write(BASE, weights(0, 1, 2))
    family.commit("a new base")
    family.git("clone", "-q", "--depth", "1", f"file://{family.path}", str(tmp_path / "clone"))
    root = bom(Repo(tmp_path / "clone"), "sst2")["metadata"]["component"]
    assert hash_of(root) == sha256(weights(3))
    (ancestor,) = root["pedigree"]["ancestors"]
    assert "verified" not in notes(ancestor)
    assert "is cut off" in notes(ancestor)["remarks"]


def test_shards_and_their_index_are_files(repo: Repo) -> None:
    write_shards(repo, "llama", split(small_model(), 2))
    repo.commit("sharded")
    (model,) = [bom(repo)["metadata"]["component"]]
    files = {each["name"]: hash_of(each) for each in model["components"]}
    assert len(files) == 3
    assert files == {path: sha256(repo.read(path)) for path in files}


def test_bad_input(family: Repo) -> None:
    words = ("lineage", "export", "--to", "modelcard", "sst2", "-o", "README.md")
    family.theta(*words)
    card = family.read("README.md")
    assert sha256(weights(3)).encode() in card
    family.write("README.md", b"mine\n")
    assert "is there already" in family.theta(*words, ok=False)
    assert family.read("README.md") == b"mine\n"
    family.theta(*words, "--force")
    assert family.read("README.md") == card
    for words, message in (
        (("nothing.pt",), "isn't a model"),
        (("--rev", "nothing"), "isn't a revision"),
        (("-o", "no/folder/bom.json"), "can't write no/folder/bom.json"),
    ):
        assert message in family.theta("lineage", "export", "--to", "cyclonedx", *words, ok=False), words
    family.write(RECORD, b"relation = \n")
    family.commit("not valid")
    assert f"{RECORD} isn't valid TOML" in family.theta(
        "lineage", "export", "--to", "cyclonedx", "sst2", ok=False
    )
    family.write(f".theta/lineage/{BASE}.toml", f'[[parent]]\npath = "{SST}"\n'.encode())
    family.write(RECORD, f'[[parent]]\npath = "{BASE}"\n'.encode())
    family.commit("a circle")
    assert "in a circle" in family.theta("lineage", "export", "--to", "cyclonedx", ok=False)
