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


def test_modules_that_a_script_imports_are_read_too(tmp_path: Path) -> None:
    write(
        tmp_path, "pkg/__init__.py", "pkg/deep/__init__.py", "src/lib.py", "tools/beside.py", "unrelated.py"
    )
    (tmp_path / "tools/eval.py").write_text("import beside\nfrom pkg.deep import part\nimport lib\n")
    (tmp_path / "pkg/deep/part.py").write_text("from ..other import x\nfrom . import missing\n")
    (tmp_path / "pkg/other.py").write_text("import pkg.deep.part\n")
    inputs = CommandInputs(tmp_path)
    expected = {
        *("tools/eval.py", "tools/beside.py", "src/lib.py", "pkg/__init__.py"),
        *("pkg/deep/__init__.py", "pkg/deep/part.py", "pkg/other.py"),
    }
    assert {*inputs.of(a_test("python", "tools/eval.py"))} == expected
    assert {*inputs.of(a_test("python", "-m", "tools.eval"))} == expected
    (tmp_path / "run.sh").write_text("exec python tools/eval.py < other.txt")
    assert {*inputs.of(a_test("sh", "run.sh"))} == {"run.sh", *expected}
    before = inputs.of(a_test("python", "tools/eval.py"))
    (tmp_path / "pkg/other.py").write_text("import unrelated\n")
    after = inputs.of(a_test("python", "tools/eval.py"))
    assert {path for path in after if after[path] != before.get(path)} == {"pkg/other.py", "unrelated.py"}


def test_data_behind_a_link_counts_by_its_stat(tmp_path: Path) -> None:
    top = tmp_path / "top"
    write(top, "eval.py")
    write(tmp_path, "store/a.csv")
    (top / "data").symlink_to("../store")
    before = CommandInputs(top).of(a_test("cat", "data"))
    assert [*before] == ["data/a.csv"]
    assert " " in before["data/a.csv"]
    (tmp_path / "store/a.csv").write_text("longer than before")
    assert CommandInputs(top).of(a_test("cat", "data")) != before
