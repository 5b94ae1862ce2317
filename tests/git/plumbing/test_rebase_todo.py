from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.git.plumbing.rebase_todo import rebase_runs_commands


@pytest.mark.parametrize(
    ("todo", "found"),
    [
        (b"pick 12ab one\nexec make\n", True),
        (b"pick 12ab one\n x make\n", True),
        (b"pick 12ab exec x\n\n# x, exec = run command\n", False),
        (b"", False),
    ],
)
def test_commands_in_the_list_are_found(tmp_path: Path, todo: bytes, found: bool) -> None:
    assert not rebase_runs_commands(tmp_path)
    (tmp_path / "rebase-merge").mkdir()
    (tmp_path / "rebase-merge" / "git-rebase-todo").write_bytes(todo)
    assert rebase_runs_commands(tmp_path) == found
