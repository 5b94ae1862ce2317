from __future__ import annotations

import os
from pathlib import Path

import pytest

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.git_version import check_version, has_version, version_text
from tests.helpers.git_versions import pretended_version


def pretended(folder: Path, version: str) -> Git:
    return Git(folder, {**os.environ, **pretended_version(folder / "bin", version)})


@pytest.mark.parametrize(
    ("text", "is_enough"),
    [
        ("2.30.9", False),
        ("2.31.0", True),
        ("2.31.0-rc1", True),
        ("2.9.5", False),
        ("2.100.GIT", True),
        ("3.0.0", True),
        ("1.32.1", False),
        ("2.39.5 (Apple Git-154)", True),
        ("2.55.0.windows.1", True),
        ("of a vendor", True),
    ],
)
def test_the_version_is_compared_by_numbers(tmp_path: Path, text: str, is_enough: bool) -> None:
    git = pretended(tmp_path, text)
    assert version_text(git) == text
    assert has_version(git, (2, 31)) == is_enough


def test_the_message_names_both_versions(tmp_path: Path) -> None:
    git = pretended(tmp_path, "2.31.8")
    check_version(git, (2, 31), "this needs", "another way")
    with pytest.raises(GitError) as caught:
        check_version(git, (2, 38), "this needs", "another way")
    assert caught.value.message == "this needs git 2.38 or newer; this is git 2.31.8"
    assert caught.value.hint == "another way"
