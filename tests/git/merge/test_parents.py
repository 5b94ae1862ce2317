from __future__ import annotations

import pytest

from git_theta.errors import GitError, UsageError
from git_theta.git.merge.parents import independent_parents, merge_base, merge_message
from git_theta.git.plumbing.command import Git
from tests.helpers.commits import Commits


@pytest.fixture
def branches(git: Git, commit: Commits) -> dict[str, str]:
    """`main` is HEAD; `one` and `two` come from it, `three` contains `two`."""
    main = commit({"a": "0"})
    one, two = (commit({"a": text}, main) for text in "12")
    found = {"main": main, "one": one, "two": two, "three": commit({"a": "3"}, two)}
    for name, oid in found.items():
        git.run("update-ref", f"refs/heads/{name}", oid)
    return found


def test_ancestors_are_left_out(git: Git, branches: dict[str, str]) -> None:
    found = independent_parents(git, ["one", "two", "three", "one"])
    assert found.branches == {name: branches[name] for name in ("one", "three")}
    assert not found.diverged
    assert found.sides == [branches["one"], branches["three"]]


def test_a_diverged_head_is_a_side(git: Git, commit: Commits, branches: dict[str, str]) -> None:
    head = commit({"a": "4"}, branches["main"])
    git.run("update-ref", "refs/heads/main", head)
    found = independent_parents(git, ["one", "two"])
    assert found.diverged
    assert found.sides == [head, branches["one"], branches["two"]]
    assert merge_base(git, found.sides) == branches["main"]


def test_a_merge_of_commits_without_a_common_ancestor_has_no_base(git: Git, commit: Commits) -> None:
    assert merge_base(git, [commit({"a": "1"}), commit({"b": "2"})]) is None


def test_the_message_is_that_of_git(git: Git, branches: dict[str, str]) -> None:
    parents = independent_parents(git, ["one", branches["three"]])
    message = merge_message(git, parents).strip()
    assert message.startswith("Merge branch 'one', commit '")


@pytest.mark.parametrize("name", ["nothing", "-x"])
def test_a_branch_must_be_a_commit(git: Git, branches: dict[str, str], name: str) -> None:
    with pytest.raises(UsageError, match="isn't a branch or a commit"):
        independent_parents(git, ["one", name])


def test_head_must_have_a_commit(git: Git) -> None:
    with pytest.raises(GitError, match="no commit to merge into"):
        independent_parents(git, ["one"])
