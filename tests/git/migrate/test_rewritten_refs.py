from __future__ import annotations

import pytest

from git_theta.errors import GitError, UsageError
from git_theta.git.migrate.rewritten_refs import (
    ORIGINAL,
    chosen_refs,
    current_branch,
    left_behind,
    move_refs,
    refuse_busy,
    refuse_kept,
    refuse_unsafe,
)
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.repo import Repo


@pytest.fixture
def commits(repo: Repo) -> tuple[str, str]:
    """Two commits: branch `main` has both, branch `old` and tag `v1` the first."""
    repo.write("a", b"1")
    first = repo.commit()
    repo.git("branch", "old")
    repo.git("tag", "v1")
    repo.write("a", b"2")
    return first, repo.commit()


def test_refs_are_chosen_by_their_names(repo: Repo, commits: tuple[str, str]) -> None:
    git, (first, second) = Git(repo.path), commits
    assert chosen_refs(git, (), everything=False) == {"refs/heads/main": second}
    assert chosen_refs(git, ["old", "v1"], everything=False) == {
        "refs/heads/old": first,
        "refs/tags/v1": first,
    }
    assert chosen_refs(git, (), everything=True).keys() == {
        "refs/heads/main",
        "refs/heads/old",
        "refs/tags/v1",
    }
    for name in ("nothing", first, "-h"):
        with pytest.raises(UsageError, match="isn't a local branch or a tag"):
            chosen_refs(git, [name], everything=False)
    repo.git("checkout", "-q", "--detach")
    assert current_branch(git) == "HEAD"
    with pytest.raises(UsageError, match="HEAD is detached"):
        chosen_refs(git, (), everything=False)


def test_refs_move_all_or_none(repo: Repo, commits: tuple[str, str]) -> None:
    git, (first, second) = Git(repo.path), commits
    with pytest.raises(GitError, match="nothing has changed"):
        move_refs(git, {"refs/heads/old": (first, second), "refs/heads/main": (first, second)}, "test")
    assert repo.git("rev-parse", "old").strip() == first
    move_refs(git, {"refs/heads/old": (first, second)}, "test")
    assert repo.git("rev-parse", "old").strip() == second
    assert repo.git("rev-parse", f"{ORIGINAL}refs/heads/old").strip() == first
    assert left_behind(git, {first: second}, ["refs/heads/old"]) == ["refs/tags/v1"]


def test_kept_refs_are_not_lost(repo: Repo, commits: tuple[str, str]) -> None:
    git, (first, second) = Git(repo.path), commits
    move_refs(git, {"refs/heads/old": (first, second)}, "test")
    refuse_kept(git, {"refs/heads/old": first})
    with pytest.raises(UsageError, match="an earlier rewrite"):
        refuse_kept(git, {"refs/heads/old": second})


@pytest.mark.parametrize("name", ["MERGE_HEAD", "rebase-merge", "BISECT_LOG"])
def test_a_command_that_is_going_on_is_named(repo: Repo, name: str) -> None:
    repository = Repository(Git(repo.path))
    refuse_busy(repository)
    (repo.path / ".git" / name).write_bytes(b"")
    with pytest.raises(UsageError, match="is going on here"):
        refuse_busy(repository)


def test_a_branch_of_another_work_tree_is_refused(repo: Repo, commits: tuple[str, str]) -> None:
    repo.git("worktree", "add", "-q", str(repo.path.parent / "other"), "old")
    repository = Repository(Git(repo.path))
    refuse_unsafe(repository, ["refs/heads/main"])
    with pytest.raises(UsageError, match="is checked out in"):
        refuse_unsafe(repository, ["refs/heads/old"])


def test_a_shallow_clone_is_refused(repo: Repo, commits: tuple[str, str]) -> None:
    clone = repo.path.parent / "clone"
    repo.git("clone", "-q", "--depth=1", f"file://{repo.path}", str(clone))
    with pytest.raises(UsageError, match="shallow"):
        refuse_unsafe(Repository(Git(clone)), ["refs/heads/main"])
