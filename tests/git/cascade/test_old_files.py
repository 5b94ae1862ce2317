"""The files and index entries that a step changes, and the way back to them."""

from __future__ import annotations

import pytest

from git_theta.errors import ThetaError
from git_theta.git.cascade.old_files import check_unchanged, files_of_step, index_lines, put_back
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from tests.helpers.lineage_models import BASE, RECORD, SST, weights
from tests.helpers.repo import Repo


def test_models_and_records_come_back(repo: Repo) -> None:
    repo.write(SST, weights(1))
    repo.commit("a model")
    here = Repository(Git(repo.path))
    with LineageTree(here) as tree:
        paths = files_of_step(tree, [SST, BASE])
    assert paths == [SST, RECORD, BASE, RECORD.replace("sst2", "base")]
    lines = index_lines(here.git, paths)
    assert [line.partition("\t")[0].partition(" ")[0] for line in lines] == ["100644", *["absent"] * 3]
    check_unchanged(here.git, lines)
    # Half of a step: a model that's staged, another one that isn't, a record, and a folder in a file's place.
    repo.write(SST, weights(2))
    repo.write(RECORD, b"relation = 'finetune'\n")
    repo.git("add", "-A")
    repo.write(BASE, weights())
    (repo.path / SST).unlink()
    (repo.path / SST).mkdir()
    with pytest.raises(ThetaError, match=r"sst2/model\.safetensors has changes that Git doesn't have"):
        check_unchanged(here.git, lines)
    put_back(here, lines)
    assert (repo.read(SST), repo.status()) == (weights(1), "")
    assert index_lines(here.git, paths) == lines
    assert not (repo.path / ".theta").exists()


def test_files_that_came_meanwhile_are_kept(repo: Repo) -> None:
    repo.write(SST, weights(1))
    repo.commit("a model")
    git = Git(repo.path)
    lines = index_lines(git, [SST, BASE])
    repo.write(BASE, b"mine")
    with pytest.raises(ThetaError, match=r"base/model\.safetensors has changes that Git doesn't have"):
        check_unchanged(git, lines)
