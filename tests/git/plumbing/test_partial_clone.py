from __future__ import annotations

import pytest

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.partial_clone import is_partial_clone
from tests.helpers.repo import Repo


@pytest.mark.parametrize("key", ["remote.origin.promisor", "extensions.partialClone"])
def test_a_partial_clone_is_told_by_its_settings(repo: Repo, key: str) -> None:
    repo.git("config", "remote.origin.url", "elsewhere")
    assert not is_partial_clone(Git(repo.path))
    repo.git("config", key, "true")
    assert is_partial_clone(Git(repo.path))
