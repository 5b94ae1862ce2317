from __future__ import annotations

import pytest

from git_theta.git.install.install import install_hooks
from git_theta.git.install.push_check import has_shared_hooks, push_problem, remind_of_push_problem
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.repo import Repo


@pytest.fixture
def repo(repo: Repo) -> Repo:
    """A repository where hooks in Git's settings, which run from version 2.54 on, are off."""
    repo.git("config", "hook.theta.enabled", "false")
    return repo


def opened(repo: Repo) -> Repository:
    return Repository(Git(repo.path))


def test_installed_hooks_send_objects(repo: Repo) -> None:
    install_hooks(opened(repo))
    assert push_problem(opened(repo)) == ""


def test_a_hook_that_is_not_executable(repo: Repo) -> None:
    install_hooks(opened(repo))
    hook = repo.path / ".git" / "hooks" / "pre-push"
    hook.chmod(0o644)
    problem = push_problem(opened(repo))
    assert "pre-push isn't executable; run: chmod +x " in problem
    assert "another program" not in problem


def test_a_hook_that_is_not_there(repo: Repo) -> None:
    (repo.path / ".git" / "hooks" / "pre-push").unlink(missing_ok=True)
    problem = push_problem(opened(repo))
    assert problem.endswith("pre-push isn't there; run: git theta install")


def test_a_hook_of_another_program(repo: Repo) -> None:
    hook = repo.path / ".git" / "hooks" / "pre-push"
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    problem = push_problem(opened(repo))
    assert "pre-push is another program's" in problem
    assert 'git theta hook pre-push "$@"' in problem


def test_hooks_of_a_team(repo: Repo) -> None:
    (repo.path / ".hooks").mkdir()
    repo.git("config", "core.hooksPath", ".hooks")
    assert has_shared_hooks(opened(repo))
    problem = push_problem(opened(repo))
    assert "Git's hooks are in .hooks (core.hooksPath), without git-theta" in problem
    assert "run: git theta install --hooks" in problem


def test_hooks_elsewhere_are_not_shared(repo: Repo, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("hooks")
    repo.git("config", "core.hooksPath", str(folder))
    assert not has_shared_hooks(opened(repo))
    assert "add to pre-push there: git theta hook" in push_problem(opened(repo))


def test_a_user_who_wants_no_hooks(repo: Repo) -> None:
    repo.git("config", "theta.hooks", "false")
    assert push_problem(opened(repo)) == ""


def test_the_reminder_comes_once(repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    (repo.path / ".git" / "theta").mkdir(exist_ok=True)
    remind_of_push_problem(opened(repo))
    assert capsys.readouterr().err.startswith("git-theta: `git push` won't send the objects")
    remind_of_push_problem(opened(repo))
    assert capsys.readouterr().err == ""
