from __future__ import annotations

import io
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from git_theta.demo.checkpoint import save_params
from git_theta.demo.data import load_digits
from git_theta.demo.train import initial
from git_theta.demo.walkthrough import (
    MODEL,
    check_version,
    commit_model,
    run,
    start_branch,
    start_repository,
    summarise,
)
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


def test_a_folder_with_files_is_refused(tmp_path: Path, console: Console) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="isn't an empty folder"):
        run(tmp_path, console)
    assert not (tmp_path / ".git").exists()


def test_a_file_is_refused(tmp_path: Path, console: Console) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="isn't an empty folder"):
        start_repository(tmp_path / "file", console)


def test_versions_are_checked(tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    directory, held_out = tmp_path / "deep" / "demo", load_digits()[1]
    session = start_repository(directory, console)
    params = initial()
    save_params(directory / MODEL, params)
    first = commit_model(session, "main", "first", params, held_out)
    start_branch(session, "other", "Another seed:")
    other = initial(seed=1)
    save_params(directory / MODEL, other)
    second = commit_model(session, "other", "second", other, held_out)

    check_version(session, first)
    check_version(session, second)
    summarise(session, [first, second])
    printed = _printed(console)
    assert "$ git theta track '*.safetensors'" in printed
    assert "2 versions of 2,636,704 bytes in all" in printed

    with pytest.raises(CorruptError, match="other bytes"):
        check_version(session, replace(first, sha256=second.sha256))
    with pytest.raises(CorruptError, match="accuracy"):
        check_version(session, replace(first, accuracy=1.0))
    with pytest.raises(GitError, match="failed with exit code"):
        session.git("checkout", "--quiet", "nowhere")


def test_the_settings_stay_in_the_repository(tmp_path: Path, console: Console) -> None:
    start_repository(tmp_path / "demo", console)
    assert not (tmp_path / "home" / ".gitconfig").exists()


def test_an_existing_identity_is_kept(tmp_path: Path, console: Console) -> None:
    (tmp_path / "home" / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.org\n")
    start_repository(tmp_path / "demo", console)
    author = subprocess.run(
        ["git", "log", "-1", "--format=%an <%ae>"],
        cwd=tmp_path / "demo",
        capture_output=True,
        text=True,
        check=True,
    )
    assert author.stdout == "Ada <ada@example.org>\n"


@pytest.mark.slow
def test_the_whole_walkthrough(tmp_path: Path, console: Console) -> None:
    run(tmp_path / "demo", console)
    printed = _printed(console)
    assert printed.count("same bytes") == 12
    assert "git-theta: sent" in printed
    assert "6 versions" in printed
    found = dict(re.findall(r"(low|high|merged) +accuracy +([\d.]+)%", printed))
    assert float(found["merged"]) > max(float(found["low"]), float(found["high"])) + 10
