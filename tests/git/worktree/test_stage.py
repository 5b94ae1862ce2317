from __future__ import annotations

import os

import pytest

from git_theta.errors import ThetaError
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.stage import NewVersion, index_line, stage, write_and_stage
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.model_files import FIRST, NAME, SECOND
from tests.helpers.repo import Repo


@pytest.fixture
def second(model: Repo) -> Manifest:
    """The manifest of `SECOND`, whose objects are here; the index and the work tree have `FIRST`."""
    model.write(NAME, SECOND)
    model.git("add", NAME)
    found = parse_manifest(model.git("show", f":{NAME}").encode())
    model.git("reset", "-q", "--hard")
    return found


def entry(repo: Repo, name: str = NAME) -> bytes:
    mode, oid, _ = repo.git("ls-files", "-s", name).split("\t")[0].split()
    return index_line(name, mode, oid)


def test_a_file_that_has_its_content_is_staged(
    model: Repo, repository: Repository, known_files: KnownFiles, second: Manifest
) -> None:
    path = model.write(NAME, SECOND)
    with work_file(str(path)) as file:
        assert file is not None
        stage(repository, known_files, NAME, "100644", second, file.status)
        assert known_files.recent() == [second]
    assert model.git("show", f":{NAME}").encode() == second.to_bytes()
    assert model.git("diff-files", "--name-only") == ""


def test_a_file_is_written_and_staged(
    model: Repo, repository: Repository, known_files: KnownFiles, second: Manifest
) -> None:
    os.chmod(model.path / NAME, 0o600)
    write_and_stage(repository, known_files, [NewVersion(NAME, "100644", second, entry(model), lambda: None)])
    assert model.read(NAME) == SECOND
    assert (model.path / NAME).stat().st_mode & 0o777 == 0o600
    assert model.status() == f"M  {NAME}\n"
    assert model.git("diff-files", "--name-only") == ""


def test_a_file_that_changed_is_neither_written_nor_staged(
    model: Repo, repository: Repository, known_files: KnownFiles, second: Manifest
) -> None:
    def changed() -> None:
        raise ThetaError("it was written to")

    with pytest.raises(ThetaError, match="it was written to"):
        write_and_stage(repository, known_files, [NewVersion(NAME, "100644", second, entry(model), changed)])
    assert model.read(NAME) == FIRST
    assert model.status() == ""
    assert sorted(path.name for path in model.path.iterdir()) == [".git", ".gitattributes", NAME]


def test_the_index_is_put_back_if_the_file_cannot_be_replaced(
    model: Repo, repository: Repository, known_files: KnownFiles, second: Manifest
) -> None:
    before = entry(model)

    def replaced_by_a_folder() -> None:
        os.unlink(model.path / NAME)
        (model.path / NAME / "inside").mkdir(parents=True)

    with pytest.raises(OSError, match=NAME):
        write_and_stage(
            repository, known_files, [NewVersion(NAME, "100644", second, before, replaced_by_a_folder)]
        )
    assert entry(model) == before


def test_several_files_are_replaced_together_or_not_at_all(
    model: Repo, repository: Repository, known_files: KnownFiles, second: Manifest
) -> None:
    other = f"other-{NAME}"
    model.write(other, FIRST)
    model.git("add", other)
    index = model.git("ls-files", "-s")

    def changed() -> None:
        raise ThetaError("it was written to")

    first = NewVersion(NAME, "100644", second, entry(model), lambda: None)
    with pytest.raises(ThetaError, match="it was written to"):
        write_and_stage(
            repository,
            known_files,
            [first, NewVersion(other, "100644", second, entry(model, other), changed)],
        )
    assert model.read(NAME) == model.read(other) == FIRST
    assert model.git("ls-files", "-s") == index
    fine = NewVersion(other, "100644", second, entry(model, other), lambda: None)
    write_and_stage(repository, known_files, [first, fine])
    assert model.read(NAME) == model.read(other) == SECOND
    assert model.git("diff-files", "--name-only") == ""
