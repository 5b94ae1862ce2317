from __future__ import annotations

import os

import pytest

from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.materialise import materialise
from git_theta.git.worktree.pending_files import manifest_text, pending_files
from tests.helpers.model_files import FIRST, NAME, SECOND
from tests.helpers.repo import Repo


@pytest.fixture
def text(model: Repo) -> bytes:
    """The manifest in the index, which the work tree has in place of the file."""
    blob = model.git("show", f":{NAME}").encode()
    model.write(NAME, blob)
    return blob


def test_a_file_that_is_its_manifest_is_pending(model: Repo, repository: Repository, text: bytes) -> None:
    (found,) = pending_files(repository)
    assert (found.path, found.text, found.manifest.to_bytes()) == (NAME, text, text)
    assert found.oid == model.git("rev-parse", f":{NAME}").strip()
    assert pending_files(repository, [NAME]) == [found]
    assert pending_files(repository, ["other"]) == []


def test_the_manifest_of_another_version_is_pending(
    model: Repo, repository: Repository, known_files: KnownFiles, text: bytes
) -> None:
    model.write(NAME, SECOND)
    model.commit()
    model.write(NAME, text)
    (found,) = pending_files(repository)
    assert (found.text, found.oid) == (text, "0" * 40)
    assert materialise(repository, known_files, [found], 0) == []
    assert model.read(NAME) == FIRST
    assert model.status() == f" M {NAME}\n"


def test_other_files_are_not_pending(model: Repo, repository: Repository, text: bytes) -> None:
    for content in (FIRST, SECOND, text + b"\n", text[:-1], b""):
        model.write(NAME, content)
        assert pending_files(repository) == []
    os.unlink(model.path / NAME)
    assert pending_files(repository) == []


def test_a_link_to_a_manifest_is_not_pending(model: Repo, repository: Repository, text: bytes) -> None:
    os.rename(model.path / NAME, model.path / "text")
    os.symlink("text", model.path / NAME)
    assert pending_files(repository) == []
    assert manifest_text(str(model.path / NAME)) is None
    assert manifest_text(str(model.path / "text")) == text
