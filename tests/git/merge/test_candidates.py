from __future__ import annotations

import pytest

from git_theta.errors import GitError
from git_theta.git.merge.candidates import candidates
from git_theta.git.plumbing import command
from git_theta.git.plumbing.command import Git
from tests.helpers.commits import Commits, commit_of_nested_trees


def paths(git: Git, base: str | None, *sides: str) -> list[str]:
    return [each.path for each in candidates(git, base, sides)]


def test_a_checkpoint_that_both_sides_changed_differently_is_a_candidate(git: Git, commit: Commits) -> None:
    base = commit({"m.pt": "a", "n.pt": "a", "same.pt": "a", "code.py": "a"})
    ours = commit({"m.pt": "b", "n.pt": "b", "same.pt": "b", "code.py": "b"}, base)
    theirs = commit({"m.pt": "c", "n.pt": "a", "same.pt": "b", "code.py": "c"}, base)
    (found,) = candidates(git, base, [ours, theirs])
    assert (found.path, found.mode) == ("m.pt", "100644")
    texts = [git.run("cat-file", "blob", oid) for oid in (found.base, *found.sides)]
    assert texts == [b"a", b"b", b"c"]


def test_a_checkpoint_that_both_sides_added_has_no_base(git: Git, commit: Commits) -> None:
    base, ours, theirs = commit({"x": ""}), commit({"m.pt": "b"}), commit({"m.pt": "c"})
    (found,) = candidates(git, base, [ours, theirs])
    assert found.base == ""
    assert paths(git, None, ours, theirs) == ["m.pt"]


def test_git_merges_removed_files_and_files_with_another_driver(git: Git, commit: Commits) -> None:
    base = commit({"m.pt": "a", "n.bin": "a"})
    assert paths(git, base, commit({"m.pt": "b", "n.bin": "b"}), commit({"n.bin": "c"})) == []


def test_a_side_without_a_change_counts_with_the_base(git: Git, commit: Commits) -> None:
    base = commit({"m.pt": "a"})
    (found,) = candidates(git, base, [commit({"m.pt": "b"}), base, commit({"m.pt": "c"})])
    assert found.sides[1] == found.base


def test_trees_of_a_billion_paths_are_not_compared(
    git: Git, commit: Commits, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = commit({"m.pt": "a"})
    blob = git.run("rev-parse", f"{base}:m.pt").decode().strip()
    monkeypatch.setattr(command, "_MAX_LISTING", 1 << 20)
    with pytest.raises(GitError, match="git ls-tree lists more than 1 MiB of files"):
        candidates(git, base, [base, commit_of_nested_trees(git, blob, base)])
