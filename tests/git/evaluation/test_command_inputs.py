"""Files that commands of tests read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.git.evaluation.command_inputs import CommandInputs


def a_test(*command: str, inputs: tuple[str, ...] = ()) -> ModelTest:
    return ModelTest("t", (*command, "{model}"), inputs=inputs)


def write(top: Path, *names: str) -> None:
    for name in names:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)


def test_files_and_folders_that_a_command_names(tmp_path: Path) -> None:
    write(tmp_path, "eval.py", "data/a.csv", "data/b/c.csv", "other.csv", "cfg.json", ".git/config", "x/y")
    inputs = CommandInputs(tmp_path)
    words = ("python", "eval.py", "--data=data/", "--config", "./cfg.json", "..", ".", ".git", "absent", "")
    assert sorted(inputs.of(a_test(*words))) == ["cfg.json", "data/a.csv", "data/b/c.csv", "eval.py"]
    assert sorted(inputs.of(a_test("sh", "-c", "cd /;cat other.csv|sort >x/y"))) == [
        "other.csv",
        "x/y",
    ]
    assert sorted(inputs.of(a_test("true", inputs=("x",)))) == ["x/y"]


def test_content_counts_and_not_the_time(tmp_path: Path) -> None:
    write(tmp_path, "eval.py")
    inputs = CommandInputs(tmp_path)
    before = inputs.of(a_test("eval.py"))
    (tmp_path / "eval.py").touch()
    assert inputs.of(a_test("eval.py")) == before
    (tmp_path / "eval.py").write_text("EVAL.PY")
    after = inputs.of(a_test("eval.py"))
    assert after != before
    assert CommandInputs(tmp_path).of(a_test("eval.py")) == after
    (tmp_path / "eval.py").unlink()
    assert inputs.of(a_test("eval.py")) == {}


def test_files_elsewhere_count_by_their_stat(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top, "eval.py")
    write(tmp_path, "far.csv")
    far, near = str(tmp_path / "far.csv"), "../far.csv"
    inputs = CommandInputs(top)
    before = inputs.of(a_test("eval.py", far, near))
    assert set(before) == {"eval.py", far, near}
    (tmp_path / "far.csv").write_text("longer than before")
    after = inputs.of(a_test("eval.py", far, near))
    assert all(after[path] != before[path] for path in (far, near))


def test_odd_words_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to("nowhere")
    odd = a_test("a" * 5000, "/" * 5000, "gone", "\n", "[x]", "--")
    assert CommandInputs(tmp_path).of(odd) == {}
    with pytest.raises(UsageError, match="absent"):
        CommandInputs(tmp_path).of(replace(odd, inputs=("absent",)))
