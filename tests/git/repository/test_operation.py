from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.git.plumbing.command import Git
from git_theta.git.repository import operation
from git_theta.git.repository.operation import current_operation, interrupted_operation
from git_theta.git.repository.repository import Repository
from git_theta.merging.purpose import Operation, Purpose
from tests.helpers.repo import Repo

MERGE, PICK = Purpose.MERGE, Purpose.PICK


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, repo: Repo) -> list[str]:
    """The git command above the driver, which tests fill in."""
    words: list[str] = []
    found = lambda: (words[0], words[1:]) if words else ("", [])  # noqa: E731
    monkeypatch.setattr(operation, "nearest_command", found)
    return words


def purpose(repo: Repo, **environment: str) -> Purpose:
    return current_operation(Repository(Git(repo.path)), environment).purpose


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("merge side", MERGE),
        ("merge-tree --write-tree a b", MERGE),
        ("show --remerge-diff", MERGE),
        ("rebase main", PICK),
        ("cherry-pick side", PICK),
        ("revert side", PICK),
        ("stash pop", PICK),
        ("am -3", PICK),
        ("apply -3 x", PICK),
        ("checkout -m side", PICK),
        ("switch -m side", PICK),
        ("replay --onto main a..b", PICK),
    ],
)
def test_the_command_tells(repo: Repo, command: list[str], words: str, expected: Purpose) -> None:
    command += words.split()
    assert purpose(repo) is expected


@pytest.mark.parametrize(
    ("done", "expected"),
    [
        ("pick 1 x\n", PICK),
        ("pick 1 x\nmerge -C 1 side\n", MERGE),
        ("m side\nfixup 2 x\n\n", PICK),
        ("", PICK),
    ],
)
def test_a_rebase_makes_merges_again(repo: Repo, command: list[str], done: str, expected: Purpose) -> None:
    repo.write(".git/rebase-merge/done", done.encode())
    assert purpose(repo) is expected
    command.append("rebase")
    assert purpose(repo) is expected
    # The stash that a rebase made at its beginning is applied as a change.
    command[:] = ["stash", "apply"]
    assert purpose(repo) is PICK


def test_without_the_command_the_environment_and_files_tell(repo: Repo, command: list[str]) -> None:
    assert not command
    assert purpose(repo) is MERGE
    repo.write(".git/index.lock", b"")
    assert purpose(repo) is PICK
    assert purpose(repo, GITHEAD_1234="side") is MERGE
    repo.write(".git/rebase-apply/applying", b"")
    assert purpose(repo) is PICK


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("MERGE_HEAD", Operation(MERGE, "merge")),
        ("SQUASH_MSG", Operation(MERGE, "merge")),
        ("CHERRY_PICK_HEAD", Operation(PICK, "cherry-pick")),
        ("REVERT_HEAD", Operation(PICK, "revert")),
        ("sequencer/todo", Operation(PICK, "cherry-pick")),
        ("rebase-merge/done", Operation(PICK, "rebase")),
        ("rebase-apply/rebasing", Operation(PICK, "rebase")),
        ("rebase-apply/applying", Operation(PICK, "am")),
        ("nothing", Operation(PICK)),
    ],
)
def test_the_operation_of_a_conflict(repo: Repo, file: str, expected: Operation) -> None:
    Path(repo.path / ".git" / file).parent.mkdir(exist_ok=True)
    repo.write(f".git/{file}", b"x")
    assert interrupted_operation(Repository(Git(repo.path))) == expected
