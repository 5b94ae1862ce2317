from __future__ import annotations

import io
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from git_theta.demo.checkpoint import save
from git_theta.demo.data import load_digits
from git_theta.demo.train import initial
from git_theta.demo.walkthrough import MODEL, begin, branch, check, commit, run, summarise
from git_theta.errors import CorruptError, GitError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def hermetic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "home" / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def _printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path, console: Console) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="isn't an empty folder"):
        run(tmp_path, console)
    assert not (tmp_path / ".git").exists()


def test_a_file_is_refused(tmp_path: Path, console: Console) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="isn't an empty folder"):
        begin(tmp_path / "file", console)


def test_versions_are_checked(tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    directory, held_out = tmp_path / "deep" / "demo", load_digits()[1]
    session = begin(directory, console)
    params = initial()
    save(directory / MODEL, params)
    first = commit(session, "main", "first", params, held_out)
    branch(session, "other", "Another seed:")
    other = initial(seed=1)
    save(directory / MODEL, other)
    second = commit(session, "other", "second", other, held_out)

    check(session, first)
    check(session, second)
    summarise(session, [first, second])
    printed = _printed(console)
    assert "$ git theta track '*.safetensors'" in printed
    assert "2 versions of 2,636,704 bytes in all" in printed

    with pytest.raises(CorruptError, match="other bytes"):
        check(session, replace(first, sha256=second.sha256))
    with pytest.raises(CorruptError, match="accuracy"):
        check(session, replace(first, accuracy=1.0))
    with pytest.raises(GitError, match="failed with exit code"):
        session.git("checkout", "--quiet", "nowhere")


def test_the_settings_stay_in_the_repository(tmp_path: Path, console: Console) -> None:
    begin(tmp_path / "demo", console)
    assert not (tmp_path / "home" / ".gitconfig").exists()


def test_an_identity_that_exists_is_kept(tmp_path: Path, console: Console) -> None:
    (tmp_path / "home" / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    begin(tmp_path / "demo", console)
    author = subprocess.run(
        ["git", "log", "-1", "--format=%an <%ae>"],
        cwd=tmp_path / "demo",
        capture_output=True,
        text=True,
        check=True,
    )
    assert author.stdout == "Ada <ada@example.org>\n"


def test_the_whole_walk(tmp_path: Path, console: Console) -> None:
    run(tmp_path / "demo", console)
    printed = _printed(console)
    assert printed.count("same bytes") == 10
    assert "git-theta: sent" in printed
    assert "5 versions" in printed
    found = dict(re.findall(r"(low|high|merged) +accuracy +([\d.]+)%", printed))
    assert float(found["merged"]) > max(float(found["low"]), float(found["high"])) + 10
