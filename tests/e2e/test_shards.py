"""A model of several shards is one model in every report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.repo import Repo
from tests.helpers.sharded import INDEX, shard_name, small_model, split, write_shards, write_single

MODEL = small_model()
NAMES = sorted(MODEL)
SIZE = sum(value.nbytes for value in MODEL.values())


def report(repo: Repo, command: str, *args: str) -> Any:
    return json.loads(repo.run_theta(command, "--json", *args).stdout)


@pytest.fixture(scope="session")
def original(tracked: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A model of two shards, committed."""
    repo = tracked.copy(tmp_path_factory.mktemp("shards") / "repo")
    write_shards(repo, "llama", split(MODEL, 2))
    repo.write("llama/config.json", b'{"layers": 4}')
    repo.write("llama/tokenizer.json", b'{"vocabulary": []}' * 20)
    repo.commit("two shards")
    return repo


@pytest.fixture
def repo(original: Repo, tmp_path: Any) -> Repo:
    return original.copy(tmp_path / "repo")


@pytest.mark.parametrize("path", ["llama", "llama/", f"llama/{INDEX}", "llama/model.safetensors"])
def test_show(repo: Repo, path: str) -> None:
    for name in (path, f"HEAD:{path}"):
        found = report(repo, "show", name)
        assert [row["name"] for row in found["parameters"]] == NAMES
        assert found["files"] == [f"llama/{shard_name(number, 2)}" for number in (1, 2)]
    assert "8 parameters in 2 shards, safetensors" in repo.theta("show", path)
    assert shard_name(2, 2) not in repo.theta("show", path)
    assert repo.theta("show", path, "--files").count(shard_name(2, 2)) == 4
    assert "F32 32x64" in repo.theta("show", path, "--param", "layers.3.weight")


def test_show_of_one_shard(repo: Repo) -> None:
    found = report(repo, "show", f"llama/{shard_name(2, 2)}")
    assert len(found["parameters"]) == 4
    assert "files" not in found


def test_files_and_sizes(repo: Repo) -> None:
    (row,) = report(repo, "ls-files")
    assert (row["path"], row["parameters"]) == ("llama/model.safetensors", 8)
    assert row["index"] == f"llama/{INDEX}"
    assert [*report(repo, "ls-files", "HEAD")] == [row]
    assert "llama/model.safetensors (2 shards)" in repo.theta("ls-files")
    assert [each["path"] for each in report(repo, "ls-files", "--files")] == row["files"]
    (cost,) = report(repo, "du")["files"]
    assert (cost["name"], cost["versions"]) == ("llama/model.safetensors", 2)
    assert sorted(each["name"] for each in report(repo, "du", "--files")["files"]) == row["files"]


def test_another_sharding_costs_only_its_headers(repo: Repo) -> None:
    before = sum(path.stat().st_size for path in repo.objects)
    write_shards(repo, "llama", split(MODEL, 1, 3))
    repo.commit("three shards")
    write_single(repo, "llama", MODEL)
    repo.commit("one file")
    assert sum(path.stat().st_size for path in repo.objects) - before < 3000
    (cost,) = report(repo, "du")["files"]
    assert cost["name"] == "llama/model.safetensors"


def test_an_index_that_names_missing_shards(repo: Repo) -> None:
    repo.git("rm", "-q", f"llama/{shard_name(2, 2)}")
    problem = f"llama/{INDEX} names {shard_name(2, 2)}, which isn't there"
    for path in ("llama", f"llama/{INDEX}", "llama/model.safetensors"):
        assert problem in repo.theta("show", path, ok=False)
    assert problem in repo.theta("ls-files")
    assert len(report(repo, "show", f"llama/{shard_name(1, 2)}")["parameters"]) == 4


def test_shards_without_an_index(repo: Repo) -> None:
    repo.git("rm", "-q", f"llama/{INDEX}")
    assert len(report(repo, "show", "llama")["parameters"]) == 8
    repo.git("rm", "-q", f"llama/{shard_name(1, 2)}")
    assert "shard 1 of 2 isn't there" in repo.theta("show", "llama", ok=False)


def test_shards_of_different_models(repo: Repo) -> None:
    other = split(small_model(1), 3)
    paths = write_shards(repo, "llama", [split(MODEL, 2)[0], other[0]], index=False)
    repo.commit("mixed")
    assert f"is in {paths[0]} and in {paths[1]}" in repo.theta("show", "llama", ok=False)
    repo.write(paths[1], b"no checkpoint at all" * 100)
    repo.commit("worse")
    assert "have different formats" in repo.theta("show", "llama", ok=False)


def test_an_index_that_lies(repo: Repo) -> None:
    document = json.loads(repo.read(f"llama/{INDEX}"))
    document["weight_map"]["layers.0.bias"] = shard_name(2, 2)
    repo.write(f"llama/{INDEX}", json.dumps(document).encode())
    repo.commit("a lie")
    assert "'layers.0.bias' is in model-00002" in repo.theta("show", "llama", ok=False)


def test_a_folder_of_several_models(repo: Repo) -> None:
    write_single(repo, "two", MODEL)
    repo.write("two/optimizer.safetensors", repo.read("two/model.safetensors"))
    repo.write("three/a.safetensors", repo.read("two/model.safetensors"))
    repo.write("three/b.safetensors", repo.read("two/model.safetensors"))
    repo.commit()
    assert "files" not in report(repo, "show", "two")
    assert "three has several checkpoints: a.safetensors, b.safetensors" in repo.theta(
        "show", "three", ok=False
    )


def test_a_change_of_one_shard_is_told_for_the_model(repo: Repo) -> None:
    tuned = {**MODEL, "layers.3.bias": MODEL["layers.3.bias"] * 2}
    write_shards(repo, "llama", split(tuned, 2))
    (worked,) = report(repo, "diff")
    assert worked["path"] == "llama/model.safetensors"
    assert worked["unchanged"] == 7
    assert [row["name"] for row in worked["parameters"]] == ["layers.3.bias"]
    assert "llama/model.safetensors (2 shards): 1 of 8 parameters changed; " in repo.theta("diff")
    repo.commit("tuned")
    for args in (("HEAD~1",), ("HEAD~1", "HEAD"), ("--cached", "HEAD~1")):
        (found,) = report(repo, "diff", *args)
        assert found["parameters"][0]["old"] == worked["parameters"][0]["old"]
        assert found["parameters"][0]["stored"] > 0
    (found,) = report(repo, "diff", "--stat-values", "HEAD~1", "HEAD")
    assert found["parameters"][0]["statistics"]["changed"] == 64
    for name in (INDEX, "model.safetensors"):
        assert len(report(repo, "diff", "HEAD~1", "HEAD", "--", f"llama/{name}")) == 1
        assert len(report(repo, "diff", "HEAD~1", f"llama/{name}")) == 1
    (named,) = report(repo, "diff", "HEAD~1:llama", "HEAD:llama/model.safetensors")
    assert [row["name"] for row in named["parameters"]] == ["layers.3.bias"]


def test_a_parameter_that_moves_between_shards(repo: Repo) -> None:
    tuned = {**MODEL, "layers.1.bias": MODEL["layers.1.bias"] * 2}
    write_shards(repo, "llama", split(tuned, 1))
    repo.commit("moved")
    (found,) = report(repo, "diff", "HEAD~1", "HEAD")
    rows = {row["name"]: row for row in found["parameters"]}
    assert {name: row["change"] for name, row in rows.items()} == {
        "layers.1.weight": "moved",
        "layers.1.bias": "modified",
    }
    assert rows["layers.1.weight"]["files"] == {
        "old": f"llama/{shard_name(1, 2)}",
        "new": f"llama/{shard_name(2, 2)}",
    }
    assert rows["layers.1.weight"]["stored"] == 0
    text = repo.theta("diff", "HEAD~1", "HEAD")
    assert "1 of 8 parameters changed, 1 moved; " in text
    assert "> layers.1.weight  F32 32x64  shard 1 -> 2\n" in text


def test_a_file_that_becomes_shards_and_back(repo: Repo) -> None:
    write_shards(repo, "llama", split(MODEL, 1, 3))
    repo.commit("three shards")
    write_single(repo, "llama", MODEL)
    repo.commit("one file")
    (found,) = report(repo, "diff", "HEAD~1", "HEAD")
    assert (found["unchanged"], found["parameters"], found["values"]) == (8, [], [])
    assert "llama/model.safetensors: no parameter changed; " in repo.theta("diff", "HEAD~1", "HEAD")
    assert "    3 shards -> 1 file\n" in repo.theta("diff", "HEAD~1", "HEAD")
    assert "    2 shards -> 3 shards\n" in repo.theta("diff", "HEAD~2", "HEAD~1")
    (found,) = report(repo, "diff", "HEAD~2", "HEAD~1")
    assert {row["change"] for row in found["parameters"]} == {"moved"}
    assert [side["files"][-1] for side in (found["old"], found["new"])] == [
        f"llama/{shard_name(2, 2)}",
        f"llama/{shard_name(3, 3)}",
    ]
    assert not report(repo, "diff", "HEAD~2:llama", "HEAD:llama")[0]["parameters"]


def test_a_new_sharding_in_the_work_tree(repo: Repo) -> None:
    write_shards(repo, "llama", split(MODEL, 1, 3))
    (found,) = report(repo, "diff")
    assert found["unchanged"] == 8
    assert "2 shards -> 3 shards" in repo.theta("diff")
    repo.git("add", "-A")
    assert "2 shards -> 3 shards" in repo.theta("diff", "--cached")
    assert repo.theta("diff") == ""


def test_a_model_that_is_new_removed_or_renamed(repo: Repo) -> None:
    repo.git("mv", "llama", "llama2")
    repo.git("commit", "-qm", "renamed")
    (found,) = report(repo, "diff", "HEAD~1", "HEAD")
    assert (found["old"]["path"], found["new"]["path"]) == (
        "llama/model.safetensors",
        "llama2/model.safetensors",
    )
    repo.git("rm", "-qr", "llama2")
    assert "llama2/model.safetensors (2 shards): deleted, 8 parameters" in repo.theta("diff", "--cached")
    repo.git("commit", "-qm", "removed")
    assert "llama2/model.safetensors (2 shards): new, 8 parameters" in repo.theta("diff", "HEAD", "HEAD~1")


def test_one_shard_can_be_asked_for(repo: Repo) -> None:
    write_shards(repo, "llama", split({name: value + 1 for name, value in MODEL.items()}, 2))
    repo.commit("all changed")
    (found,) = report(repo, "diff", "HEAD~1", "HEAD", "--", f"llama/{shard_name(1, 2)}")
    assert found["path"] == f"llama/{shard_name(1, 2)}"
    assert len(found["parameters"]) == 4


def test_a_version_that_is_not_whole(repo: Repo) -> None:
    repo.git("rm", "-q", f"llama/{shard_name(2, 2)}")
    repo.git("commit", "-qm", "broken")
    assert f"the new version is not whole (llama/{INDEX} names" in repo.theta("diff", "HEAD~1", "HEAD")


def test_status(repo: Repo) -> None:
    assert repo.theta("status") == "llama/model.safetensors (2 shards): unmodified\n"
    tuned = {**MODEL, "layers.3.bias": MODEL["layers.3.bias"] * 2}
    write_shards(repo, "llama", split(tuned, 1))
    text = repo.theta("status")
    assert "modified: 1 of 8 parameters changed, 2 moved\n" in text
    repo.git("add", "-A")
    (state,) = report(repo, "status")
    assert (state["path"], state["work"]) == ("llama/model.safetensors", "same")
    assert state["staged"]["changed"] == ["layers.3.bias"]
    assert not state["notes"]
    assert [each["path"] for each in report(repo, "status", "--files")] == state["files"]


def test_status_of_a_new_sharding(repo: Repo) -> None:
    write_shards(repo, "llama", split(MODEL, 1, 3))
    repo.git("add", "-A")
    assert "staged: 4 parameters moved, 2 shards -> 3 shards\n" in repo.theta("status")
    write_single(repo, "llama", MODEL)
    repo.git("add", "-A")
    assert repo.theta("status") == "llama/model.safetensors:\n    staged: 2 shards -> 1 file\n"


def test_status_of_a_stale_index(repo: Repo) -> None:
    old = repo.read(f"llama/{INDEX}")
    paths = write_shards(repo, "llama", split(MODEL, 1))
    repo.git("add", *paths)
    text = repo.theta("status")
    assert f"llama/{INDEX} isn't right for the shards that are staged: 'layers.1." in text
    assert f"the one in the work tree is right: git add llama/{INDEX}" in text
    repo.write(f"llama/{INDEX}", old)
    assert "write it anew, and add it" in repo.theta("status")
    repo.git("rm", "-q", "-f", "--cached", f"llama/{INDEX}")
    write_shards(repo, "llama", split(MODEL, 1))
    assert f"llama/{INDEX} lists the shards, and isn't in Git: git add" in repo.theta("status")


@pytest.fixture(scope="session")
def long_history(original: Repo, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """Two shards that were moved to another folder, tuned, sharded anew, one file, and two shards again."""
    repo = original.copy(tmp_path_factory.mktemp("long") / "repo")
    repo.git("mv", "llama", "llama2")
    repo.git("commit", "-qm", "renamed")
    tuned = {**MODEL, "layers.3.bias": MODEL["layers.3.bias"] * 2}
    write_shards(repo, "llama2", split(tuned, 2))
    repo.commit("tuned")
    write_shards(repo, "llama2", split(tuned, 1, 3))
    repo.commit("three shards")
    write_single(repo, "llama2", {**tuned, "layers.4.bias": tuned["layers.3.bias"]})
    repo.commit("one file")
    write_shards(repo, "llama2", split(tuned, 2))
    repo.commit("two again")
    return repo


@pytest.mark.parametrize("path", ["llama2", f"llama2/{INDEX}", "llama2/model.safetensors"])
def test_log(long_history: Repo, path: str) -> None:
    log = report(long_history, "log", path)
    assert [each["subject"] for each in log] == [
        "two again",
        "one file",
        "three shards",
        "tuned",
        "renamed",
        "two shards",
    ]
    assert [each["modified"] for each in log] == [[], [], [], ["layers.3.bias"], [], []]
    assert [each.get("sharding") for each in log][:3] == [
        ["1 file", "2 shards"],
        ["3 shards", "1 file"],
        ["2 shards", "3 shards"],
    ]
    assert log[1]["added"] == log[0]["removed"] == ["layers.4.bias"]
    assert log[2]["moved"] == ["layers.1.bias", "layers.1.weight", "layers.3.bias", "layers.3.weight"]
    assert log[4]["renamed_from"] == "llama/model.safetensors"
    assert log[5]["file"] == "added"
    text = long_history.theta("log", path)
    assert "4 moved of 8 parameters, 2 shards -> 3 shards" in text
    tuned = report(long_history, "log", path, "--param", "*.3.bias")
    assert [each["subject"] for each in tuned] == ["three shards", "tuned", "two shards"]


def test_log_of_one_file_that_had_shards(long_history: Repo, tmp_path: Path) -> None:
    repo = long_history.copy(tmp_path / "repo")
    repo.git("checkout", "-q", "HEAD~1")
    assert len(report(repo, "log", "llama2/model.safetensors")) == 5
    assert len(report(repo, "blame", "llama2/model.safetensors")) == 9


def test_blame(long_history: Repo) -> None:
    rows = {row["name"]: row for row in report(long_history, "blame", "llama2")}
    assert rows.keys() == MODEL.keys()
    assert rows["layers.3.bias"]["subject"] == "tuned"
    assert rows["layers.1.bias"]["subject"] == "two shards"
    assert rows["layers.1.bias"]["path"] == "llama/model.safetensors"
    (row,) = report(long_history, "blame", f"llama2/{INDEX}", "--param", "*.3.bias")
    assert row["subject"] == "tuned"


def test_a_broken_version_is_passed_over(repo: Repo) -> None:
    repo.git("rm", "-q", "--cached", f"llama/{shard_name(2, 2)}")
    repo.git("commit", "-qm", "broken")
    write_shards(repo, "llama", split({**MODEL, "layers.0.bias": MODEL["layers.0.bias"] + 1}, 2))
    repo.commit("whole again")
    log = report(repo, "log", "llama")
    assert [each["modified"] for each in log] == [["layers.0.bias"], [], []]
    assert "which isn't there" in log[1]["skipped"]
    rows = {row["name"]: row["subject"] for row in report(repo, "blame", "llama")}
    assert (rows["layers.0.bias"], rows["layers.3.bias"]) == ("whole again", "two shards")


def test_status_of_two_sets_of_shards(repo: Repo) -> None:
    old = {path.name: path.read_bytes() for path in (repo.path / "llama").glob("model-*")}
    write_shards(repo, "llama", split(MODEL, 1, 3), index=False)
    for name, data in old.items():
        repo.write(f"llama/{name}", data)
    repo.git("add", "-A")
    text = repo.theta("status")
    assert "llama/model-*-of-00003.safetensors (3 shards):" in text
    assert "model.safetensors is also there as one file, or in another number of shards" in text
