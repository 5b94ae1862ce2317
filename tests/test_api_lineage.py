"""The Python API of lineage."""

from __future__ import annotations

import numpy as np
import pytest

import git_theta
from git_theta.lineage import Graph
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo


@pytest.fixture
def family(repo: Repo) -> Repo:
    for number, name in enumerate(("base", "child")):
        repo.write(f"{name}.safetensors", safetensors_bytes({"w": np.full(4, number, "f4")}))
    repo.commit("models")
    repo.theta("lineage", "add", "child.safetensors", "--from", "base.safetensors")
    repo.commit("record")
    return repo


def test_a_folder_and_a_revision(family: Repo) -> None:
    found = git_theta.read_lineage(family.path)
    assert isinstance(found, Graph)
    assert found.parents("child.safetensors") == ["base.safetensors"]
    assert [version.subject for version in found.versions("child.safetensors")] == ["models"]
    assert git_theta.read_lineage(family.path, "HEAD~1").derivations == ()


def test_a_repository_of_gitpython(family: Repo) -> None:
    git = pytest.importorskip("git")
    with git.Repo(family.path) as repository:
        assert git_theta.read_lineage(repository).children("base.safetensors") == ["child.safetensors"]
