from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository, current_repository
from tests.helpers.repo import Repo


@pytest.fixture
def repository(repo: Repo) -> Repository:
    return Repository(Git(repo.path))


def test_folders(repo: Repo, repository: Repository) -> None:
    own = (repo.path / ".git").resolve()
    assert (repository.common_dir, repository.git_dir) == (own, own)
    assert repository.index == own / "index"
    assert repository.hooks_dir.resolve() == own / "hooks"
    assert repository.root.resolve() == repo.path.resolve()
    assert repository.store.root == own / "theta"


def test_folders_of_another_work_tree(repo: Repo, tmp_path: Path) -> None:
    (repo.path / "a").touch()
    repo.git("add", "a")
    repo.git("commit", "-qm", "first")
    repo.git("worktree", "add", "-q", str(tmp_path / "other"))
    other = Repository(Git(tmp_path / "other"))
    own = (repo.path / ".git").resolve()
    assert other.common_dir == own
    assert other.git_dir == own / "worktrees" / "other"
    assert other.index == own / "worktrees" / "other" / "index"
    assert other.store.root == own / "theta"


def test_folders_with_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "a\nb\n"
    path.mkdir()
    Git(path).run("init", "-q")
    repository = Repository(Git(path))
    assert repository.index == path.resolve() / ".git" / "index"
    assert repository.root.resolve() == path.resolve()


def test_an_index_and_hooks_elsewhere(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "core.hooksPath", ".shared")
    index = tmp_path / "other-index"
    repository = Repository(Git(repo.path, {**os.environ, "GIT_INDEX_FILE": str(index)}))
    assert repository.index == index.resolve()
    assert repository.hooks_dir == repo.path / ".shared"


def test_at_the_top(repo: Repo) -> None:
    (repo.path / "deep" / "er").mkdir(parents=True)
    deep = Repository(Git(repo.path / "deep" / "er", {**os.environ, "MARK": "1"}))
    top = deep.at_top()
    assert top.git.folder.resolve() == repo.path.resolve()
    assert top.git.env == deep.git.env
    assert top.common_dir == deep.common_dir


def test_a_bare_repository_has_no_top(tmp_path: Path) -> None:
    Git(tmp_path).run("init", "-q", "--bare")
    bare = Repository(Git(tmp_path))
    assert bare.common_dir == tmp_path.resolve()
    with pytest.raises(GitError, match="needs a work tree"):
        bare.at_top()


def test_objects_of_a_clone_on_this_machine(repo: Repo, repository: Repository, tmp_path: Path) -> None:
    oid = repository.store.put([b"x" * 100])
    repo.git("clone", "-q", str(repo.path), str(tmp_path / "clone"))
    clone = Repository(Git(tmp_path / "clone"))
    assert clone.store.has(oid)
    assert not clone.store.path(oid).exists()
    assert bytes(clone.store.get(oid)) == b"x" * 100


def test_the_repository_of_the_current_folder(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repo.path)
    found = current_repository()
    assert found is not None
    assert found.root.resolve() == repo.path.resolve()
    (tmp_path / "outside").mkdir()
    monkeypatch.chdir(tmp_path / "outside")
    assert current_repository() is None
