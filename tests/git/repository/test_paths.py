from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.paths import work_tree_path
from tests.helpers.repo import Repo


@pytest.fixture
def deep(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Path:
    deep = repo.path / "deep" / "er"
    deep.mkdir(parents=True)
    monkeypatch.chdir(deep)
    return deep


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("m.pt", "deep/er/m.pt"),
        ("../m.pt", "deep/m.pt"),
        ("./../../m.pt", "m.pt"),
        ("..m.pt", "deep/er/..m.pt"),
        ("../../..m.pt", "..m.pt"),
        ("a b/ünï", "deep/er/a b/ünï"),
    ],
)
def test_paths_from_the_current_folder(deep: Path, path: str, found: str) -> None:
    assert work_tree_path(Git(), path) == found


def test_an_absolute_path(deep: Path) -> None:
    assert work_tree_path(Git(), str(deep / "m.pt")) == "deep/er/m.pt"


def test_links_on_the_way_are_followed_but_not_the_last(deep: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(deep)
    (deep / "m.pt").symlink_to("/elsewhere")
    assert work_tree_path(Git(), str(tmp_path / "link" / "m.pt")) == "deep/er/m.pt"


@pytest.mark.parametrize("path", ["../../../m.pt", "../../..", "/m.pt"])
def test_paths_outside(deep: Path, path: str) -> None:
    with pytest.raises(UsageError, match="outside this repository's work tree"):
        work_tree_path(Git(), path)
