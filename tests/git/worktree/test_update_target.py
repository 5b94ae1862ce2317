from __future__ import annotations

import pytest

from git_theta.errors import ThetaError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.previous_version import previous_version
from git_theta.git.worktree.update_target import update_target
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.model_files import FIRST, NAME, SECOND
from tests.helpers.repo import Repo


def test_an_unchanged_file_is_its_previous_version(model: Repo, repository: Repository) -> None:
    previous = previous_version(Git(model.path), NAME)
    for content in (FIRST, previous.manifest.to_bytes()):
        model.write(NAME, content)
        with Workspace(repository) as workspace, update_target(workspace, NAME, previous) as target:
            assert not target.is_changed


def test_a_changed_file_is_cleaned_and_staged_as_it_is(model: Repo, repository: Repository) -> None:
    previous = previous_version(Git(model.path), NAME)
    model.write(NAME, SECOND)
    with Workspace(repository) as workspace, update_target(workspace, NAME, previous) as target:
        assert target.is_changed
        result = target.stage(target.clean({}))
    assert (result.changed, result.size, result.written) == (1, 32, False)
    assert result.stored > 0
    assert model.status() == f"M  {NAME}\n"
    assert model.read(NAME) == SECOND


def test_a_manifest_is_written_and_staged(model: Repo, repository: Repository) -> None:
    model.write(NAME, SECOND)
    model.git("add", NAME)
    second = parse_manifest(model.git("show", f":{NAME}").encode())
    model.git("reset", "-q", "--hard")
    previous = previous_version(Git(model.path), NAME)
    with Workspace(repository) as workspace, update_target(workspace, NAME, previous) as target:
        assert target.write_and_stage(second).written
    assert model.read(NAME) == SECOND
    assert model.status() == f"M  {NAME}\n"


def test_a_file_that_changes_meanwhile_is_not_staged(model: Repo, repository: Repository) -> None:
    previous = previous_version(Git(model.path), NAME)
    model.write(NAME, SECOND)
    with Workspace(repository) as workspace, update_target(workspace, NAME, previous) as target:
        manifest = target.clean({})
        model.write(NAME, FIRST)
        with pytest.raises(ThetaError, match="was written to meanwhile"):
            target.stage(manifest)
    assert model.status() == ""


def test_other_files_are_refused(model: Repo, repository: Repository) -> None:
    previous = previous_version(Git(model.path), NAME)
    model.write(NAME, SECOND)
    model.git("add", NAME)
    model.write(NAME, model.git("show", f":{NAME}").encode())
    with (
        Workspace(repository) as workspace,
        pytest.raises(UsageError, match="holds a manifest"),
        update_target(workspace, NAME, previous),
    ):
        pass
    (model.path / NAME).unlink()
    with (
        Workspace(repository) as workspace,
        pytest.raises(UsageError, match="isn't a file in the work tree"),
        update_target(workspace, NAME, previous),
    ):
        pass
