"""Tests of models on scratch copies, each content once."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from git_theta.errors import ThetaError, UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.lineage_models import BASE, SST, weights
from tests.helpers.repo import Repo

#: Prints the number of the file's bytes that are as in a list, and notes that it ran.
COUNT = b"""
echo ran >> "$RUNS"
printf '{"bytes": %d}' $(wc -c < "$1")
"""


@pytest.fixture
def repo(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repo:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    repo.write("eval.sh", COUNT)
    repo.write(BASE, weights())
    repo.write("base/config.json", b"{}")
    repo.commit("base")
    return repo


def runs() -> int:
    place = Path(os.environ["RUNS"])
    return len(place.read_text().split()) if place.exists() else 0


def repository(repo: Repo) -> Repository:
    return Repository(Git(repo.path))


def evaluate(repo: Repo, test: ModelTest, model: str, rev: str = "") -> TestResult:
    """The result of a test, as a command that runs no other one has it."""
    with Evaluator(repository(repo)) as evaluator:
        return evaluator.evaluate(test, model, rev)


def evaluate_file(repo: Repo, test: ModelTest, model: str, place: Path) -> TestResult:
    """The result of a test of a file that Git doesn't have, as such a command has it."""
    with Evaluator(repository(repo)) as evaluator:
        return evaluator.evaluate_file(test, model, place)


def a_test(*command: str, metric: str = "json:bytes") -> ModelTest:
    return ModelTest("size", command or ("sh", "eval.sh", "{model}"), metric=metric)


def test_content_is_tested_once(repo: Repo) -> None:
    test = a_test()
    first = evaluate(repo, test, BASE, "HEAD")
    assert (first.ok, first.value, first.is_cached) == (True, float(len(weights())), False)
    assert first.digest.startswith("blake3:")
    repo.write(SST, weights())
    repo.write("sst2/config.json", b"{}")
    repo.commit("the same weights")
    for model, rev in ((BASE, "HEAD"), (BASE, ""), (SST, ""), (BASE, "HEAD~1")):
        again = evaluate(repo, test, model, rev)
        assert (again.value, again.is_cached, again.model, again.rev) == (first.value, True, model, rev)
    assert runs() == 1
    repo.write("eval.sh", COUNT + b"# changed\n")
    assert not evaluate(repo, test, BASE, "HEAD").is_cached, "the script is another one"
    repo.write(SST, weights(0))
    repo.git("add", SST)
    assert not evaluate(repo, test, SST, "").is_cached, "the weights are others"
    assert evaluate(repo, test, SST, "HEAD").is_cached
    repo.write("base/config.json", b"{} ")
    repo.git("add", "base")
    assert not evaluate(repo, test, BASE, "").is_cached, "its settings are others"
    assert runs() == 4


def test_copies_are_gone_and_the_work_tree_is_as_before(repo: Repo) -> None:
    before = repo.status(), sorted(repo.path.rglob("*.safetensors"))
    script = "ls -1 {folder}; test ! -w {model} || test $(id -u) = 0; pwd; echo {path}"
    with Evaluator(repository(repo)) as evaluator:
        result = evaluator.evaluate(a_test("sh", "-c", f"{script}; exit 1", metric=""), BASE)
    expected = ["config.json", "model.safetensors", str(repo.path), BASE]
    assert result.output.split() == expected
    assert (repo.status(), sorted(repo.path.rglob("*.safetensors"))) == before
    assert list((repo.path / ".git/theta/tmp").glob("*")) == []


def test_a_file_that_git_doesnt_have(repo: Repo, tmp_path: Path) -> None:
    place = tmp_path / "candidate.bin"
    place.write_bytes(weights(1, 2))
    test = a_test(
        "sh",
        "-c",
        "cmp {model} CANDIDATE && ls {folder} && sh eval.sh {model}".replace("CANDIDATE", str(place)),
    )
    result = evaluate_file(repo, test, BASE, place)
    assert (result.ok, result.value, result.rev) == (True, float(place.stat().st_size), ""), result
    repo.write(BASE, weights(1, 2))
    repo.commit("the candidate")
    later = evaluate(repo, test, BASE, "HEAD")
    assert (later.is_cached, later.digest) == (True, result.digest)


def test_failures_are_run_again_unless_they_are_verdicts(repo: Repo) -> None:
    with Evaluator(repository(repo)) as evaluator:
        for metric, code, cached in (("", 1, True), ("json:a", 1, False), ("", 125, False), ("", 130, False)):
            test = a_test("sh", "-c", f"exit {code} # {{model}}", metric=metric)
            assert not evaluator.evaluate(test, BASE).ok
            assert evaluator.evaluate(test, BASE).is_cached == cached
            assert not evaluator.evaluate(test, BASE, again=True).is_cached


def test_inputs_that_change_meanwhile(repo: Repo) -> None:
    test = a_test("sh", "-c", "echo >> eval.sh; echo '{\"bytes\": 1}' # {model}")
    test = ModelTest("t", test.command, metric=test.metric, inputs=("eval.sh",))
    result = evaluate(repo, test, BASE)
    assert (result.ok, result.value) == (False, None)
    assert result.problem == "eval.sh was changed while the test ran"


def test_the_parent_is_written_too(repo: Repo) -> None:
    test = a_test("sh", "-c", "cmp {model} {parent}", metric="")
    with pytest.raises(UsageError, match="has none here"):
        evaluate(repo, test, BASE)
    repo.write(SST, weights())
    repo.git("add", SST)
    repo.theta("lineage", "add", SST, "--from", BASE)
    assert evaluate(repo, test, SST).ok


def test_the_parent_is_the_version_that_the_model_was_made_from(repo: Repo, tmp_path: Path) -> None:
    test = a_test("sh", "-c", "cmp {model} {parent}", metric="")
    repo.write(SST, weights())
    repo.git("add", SST)
    repo.theta("lineage", "add", SST, "--from", BASE)
    repo.commit("a copy")
    repo.write(BASE, weights(0, 0))
    repo.commit("another base")
    for rev in ("", "HEAD", "HEAD~1"):
        result = evaluate(repo, test, SST, rev)
        assert (result.ok, result.remark) == (True, "")
    place = tmp_path / "candidate"
    place.write_bytes(weights(0, 0))
    new = evaluate(repo, a_test(), BASE).digest
    with Evaluator(repository(repo)) as evaluator:
        assert not evaluator.evaluate_file(test, SST, place).ok
        assert evaluator.evaluate_file(test, SST, place, parent_model=new).ok
    record = repo.path / f".theta/lineage/{SST}.toml"
    text = record.read_text()
    digest = [line for line in text.splitlines() if line.startswith("model = ")][-1]
    record.write_text(text.replace(digest, f'model = "blake3:{"0" * 64}"'))
    result = evaluate(repo, test, SST)
    assert not result.ok
    assert "history doesn't have the recorded version" in result.remark


def test_a_metric_may_be_written_to_a_file(repo: Repo) -> None:
    test = a_test("sh", "-c", "echo noise; sh eval.sh {model} > {out}")
    assert evaluate(repo, test, BASE).value == len(weights())
    silent = evaluate(repo, a_test("echo", '{"bytes": 1}', "{model}", "{out}"), BASE)
    assert silent.problem == "the command printed no JSON: nothing"


def test_errors_that_are_no_verdict(repo: Repo) -> None:
    with pytest.raises(ThetaError, match="no-such-program can't be run: No such file"):
        evaluate(repo, a_test("no-such-program", "{model}"), BASE)
    with pytest.raises(UsageError, match="isn't a model"):
        evaluate(repo, a_test(), "other.pt")
    with pytest.raises(UsageError, match="isn't a revision"):
        evaluate(repo, a_test(), BASE, "nowhere")
    missing = ModelTest("t", ("true", "{model}"), inputs=("data",))
    with pytest.raises(UsageError, match="reads data, which isn't there"):
        evaluate(repo, missing, BASE)


def test_a_model_of_several_files_is_a_folder(repo: Repo, tmp_path: Path) -> None:
    names = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    index = {"metadata": {}, "weight_map": {"a": names[0], "b": names[1]}}
    for name, key in zip(names, "ab", strict=True):
        repo.write(f"llama/{name}", safetensors_bytes({key: np.ones((8, 8), "f4")}))
    repo.write("llama/model.safetensors.index.json", json.dumps(index).encode())
    repo.write("llama/config.json", b"{}")
    repo.commit("shards")
    test = a_test("sh", "-c", "test {model} = {folder} && ls {model} && exit 1", metric="")
    result = evaluate(repo, test, "llama/model.safetensors", "HEAD")
    listed = ["config.json", *names, "model.safetensors.index.json"]
    assert result.output.split() == listed
    candidate = tmp_path / "candidate"
    shutil.copytree(repo.path / "llama", candidate)
    again = evaluate_file(repo, test, "llama/model.safetensors", candidate)
    assert (again.is_cached, again.digest, again.output) == (True, result.digest, result.output)
    (candidate / names[1]).write_bytes(safetensors_bytes({"b": np.zeros((8, 8), "f4")}))
    other = evaluate_file(repo, test, "llama/model.safetensors", candidate)
    assert (other.is_cached, other.output.split()) == (False, listed)
    assert other.digest != result.digest


def test_a_full_disk_is_one_clear_error(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(ThetaError, match="No space left on device") as caught:
        evaluate(repo, a_test(), BASE)
    assert "free some disk space" in caught.value.hint
    assert list((repo.path / ".git/theta/tmp").glob("git-theta-test-*")) == []
