"""A repository with a committed checkpoint, and the parts that commands on its work tree are composed of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from tests.helpers.model_files import FIRST, NAME
from tests.helpers.repo import Repo


@pytest.fixture
def model(repo: Repo) -> Repo:
    """A repository whose only commit has `FIRST`."""
    repo.write(NAME, FIRST)
    repo.commit()
    return repo


@pytest.fixture
def repository(repo: Repo) -> Repository:
    return Repository(Git(repo.path))


@pytest.fixture
def known_files(repository: Repository) -> Iterator[KnownFiles]:
    with closing(KnownFiles(repository)) as made:
        yield made
