from __future__ import annotations

import pytest

from git_theta.git.repository.plain_files import is_plain_file


@pytest.mark.parametrize("path", [".gitattributes", "a/.gitignore", ".gitmodules", ".theta/config.toml"])
def test_files_that_git_and_git_theta_read(path: str) -> None:
    assert is_plain_file(path)


@pytest.mark.parametrize("path", ["m.pt", "a.git/m.pt", "a/.theta/m.pt", "x.gitattributes"])
def test_checkpoints(path: str) -> None:
    assert not is_plain_file(path)
