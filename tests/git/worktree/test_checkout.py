from __future__ import annotations

from collections.abc import Sequence

import pytest

from git_theta.errors import UsageError
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.checkout import CheckpointChoice, check_out, fetch_parameters
from git_theta.git.worktree.known_files import KnownFiles
from tests.helpers.model_files import FIRST
from tests.helpers.repo import Repo

PATHS = ("a.safetensors", "models/a.safetensors", "models/old/b.pt")


@pytest.fixture
def manifests(repo: Repo) -> Repo:
    """A repository whose work tree has only manifests of `PATHS`."""
    for path in PATHS:
        repo.write(path, FIRST)
    repo.commit()
    for path in PATHS:
        repo.write(path, repo.git("show", f":{path}").encode())
    return repo


def written(repo: Repo) -> list[str]:
    return [path for path in PATHS if repo.read(path) == FIRST]


@pytest.mark.parametrize(
    ("choice", "paths"),
    [
        (CheckpointChoice(), PATHS),
        (CheckpointChoice([""]), PATHS),
        (CheckpointChoice(["models"]), PATHS[1:]),
        (CheckpointChoice(["models/a.safetensors"]), PATHS[1:2]),
        (CheckpointChoice(include=["a.safetensors"]), PATHS[:2]),
        (CheckpointChoice(include=["/a.safetensors"]), PATHS[:1]),
        (CheckpointChoice(include=["old"]), PATHS[2:]),
        (CheckpointChoice(include=["models/"]), PATHS[1:]),
        (CheckpointChoice(exclude=["*.pt"]), PATHS[:2]),
        (CheckpointChoice(["models"], ["*.safetensors", "*.pt"], ["old/"]), PATHS[1:2]),
    ],
)
def test_chosen_files_are_written(
    manifests: Repo,
    repository: Repository,
    known_files: KnownFiles,
    choice: CheckpointChoice,
    paths: Sequence[str],
) -> None:
    done = check_out(repository, known_files, choice, print)
    assert (done.written, done.failed) == (len(paths), [])
    assert written(manifests) == list(paths)


@pytest.mark.parametrize("pattern", ["nothing", "", "/"])
def test_patterns_without_a_file_are_refused(
    manifests: Repo, repository: Repository, known_files: KnownFiles, pattern: str
) -> None:
    with pytest.raises(UsageError):
        check_out(repository, known_files, CheckpointChoice(include=[pattern]), print)
    assert written(manifests) == []


def test_parameters_are_counted_in_each_chosen_file(manifests: Repo, repository: Repository) -> None:
    said: list[str] = []
    choice = CheckpointChoice(["models"])
    assert fetch_parameters(repository, choice, ["w*"], said.append) == 2
    assert said == []
    with pytest.raises(UsageError):
        fetch_parameters(repository, choice, ["nothing"], said.append)
