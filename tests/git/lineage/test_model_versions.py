"""The versions of models in history."""

from __future__ import annotations

import pytest

from git_theta.git.lineage.model_versions import model_versions, version_with, versions_of_models
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.lineage_models import BASE, MNLI, SST, weights
from tests.helpers.repo import Repo
from tests.helpers.sharded import small_model, split, write_shards


@pytest.fixture
def history(repo: Repo) -> Repo:
    """Models that change, move, disappear and come back; one of several files; and commits of other files."""
    model = small_model()
    repo.write(BASE, weights())
    repo.write(SST, weights(3))
    write_shards(repo, "llama", split(model, 2))
    repo.commit("models")
    repo.write("notes.txt", b"nothing about models")
    repo.commit("notes")
    repo.write(SST, weights(3, 3))
    repo.write(MNLI, weights(2))
    repo.commit("changed and added")
    repo.git("mv", "sst2", "sentiment")
    repo.git("rm", "-q", MNLI)
    repo.commit("moved and removed")
    repo.write("sentiment/model.safetensors", weights(3, 3, 3))
    repo.write(MNLI, weights(2, 2))
    write_shards(repo, "llama", split(model, 1, 3))
    repo.commit("changed again")
    return repo


def test_all_models_at_once_are_as_one_by_one(history: Repo) -> None:
    repository = Repository(Git(history.path))
    names = [BASE, MNLI, "sentiment/model.safetensors", "llama/model.safetensors", "nothing.pt"]
    found = versions_of_models(repository, names)
    assert found == {name: model_versions(repository, name) for name in names[:-1]}
    subjects = {name: [version.subject for version in versions] for name, versions in found.items()}
    assert subjects == {
        BASE: ["models"],
        MNLI: ["changed again", "changed and added"],
        "sentiment/model.safetensors": ["changed again", "moved and removed", "changed and added", "models"],
        "llama/model.safetensors": ["changed again", "models"],
    }
    moved = found["sentiment/model.safetensors"]
    assert [version.path for version in moved[:3]] == ["sentiment/model.safetensors"] * 2 + [SST]
    assert len({version.model for version in moved}) == 3


def test_of_a_revision(history: Repo) -> None:
    repository = Repository(Git(history.path))
    assert [version.subject for version in versions_of_models(repository, [SST], "HEAD~2")[SST]] == [
        "changed and added",
        "models",
    ]
    assert versions_of_models(repository, [SST]) == {}


def test_without_commits(repo: Repo) -> None:
    assert versions_of_models(Repository(Git(repo.path)), [BASE]) == {}


def test_the_version_with_a_digest_is_the_newest_one(history: Repo) -> None:
    repository, name = Repository(Git(history.path)), "sentiment/model.safetensors"
    newest, moved, changed, first = model_versions(repository, name)
    assert moved.model == changed.model
    with LineageTree(repository) as index, LineageTree(repository, first.commit) as then:
        assert version_with(index, name, moved.model) == moved
        assert version_with(then, SST, first.model) == first
        assert version_with(then, SST, newest.model) is None
        assert version_with(index, "nothing.pt", newest.model) is None
