"""Bytes that are stored for a model and for no parent of it."""

from __future__ import annotations

import shutil

import pytest

from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.stored_bytes import own_bytes
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.lineage_models import BASE, MNLI, SST, weights
from tests.helpers.repo import Repo


@pytest.fixture
def family(repo: Repo) -> Repo:
    repo.write(BASE, weights())
    repo.write(SST, weights(3))
    repo.write(MNLI, weights())
    repo.commit("models")
    repo.theta("lineage", "add", SST, "--from", BASE)
    return repo


def measured(repo: Repo) -> dict[str, int]:
    with LineageTree(Repository(Git(repo.path))) as tree:
        graph = graph_of(tree)
        return own_bytes(tree, graph, graph.models)


def test_what_a_parent_needs_is_not_counted(family: Repo) -> None:
    alone = measured(family)
    assert 0 < alone[SST] < alone[BASE]
    # A copy costs as much as the original, until somebody says that it's one.
    assert alone[MNLI] == alone[BASE]
    family.theta("lineage", "add", MNLI, "--from", BASE)
    assert measured(family)[MNLI] < alone[SST]


def test_is_known_without_objects_and_without_the_cache(family: Repo) -> None:
    found = measured(family)
    assert measured(family) == found
    shutil.rmtree(family.path / ".git/theta/objects")
    assert measured(family) == found
    for path in (family.path / ".git/theta").glob("lineage-*"):
        path.unlink()
    assert measured(family) == found
