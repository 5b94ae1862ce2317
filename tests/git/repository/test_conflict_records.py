from __future__ import annotations

import os
from dataclasses import replace

import pytest

from git_theta.git.plumbing.command import Git
from git_theta.git.repository.conflict_records import (
    ConflictRecord,
    ConflictStages,
    current_record,
    file_stamp,
    note_files_left,
    read_record,
    read_stages,
    remove_record,
    write_record,
)
from git_theta.git.repository.repository import Repository
from git_theta.merging.outcome import Conflict
from tests.helpers.repo import Repo

PATH = "deep/ünï m.txt"


def record(ids: tuple[str, str, str], path: str = PATH) -> ConflictRecord:
    return ConflictRecord(path, ids, (Conflict("a", "both changed it"),), ("ours b",), ("average",))


@pytest.fixture
def repository(repo: Repo) -> Repository:
    """A repository with a file in conflict."""
    repo.write(PATH, b"base")
    repo.commit()
    repo.git("branch", "other")
    repo.write(PATH, b"ours")
    repo.commit()
    repo.git("checkout", "-q", "other")
    repo.write(PATH, b"theirs")
    (repo.path / PATH).chmod(0o755)
    repo.commit()
    repo.git("checkout", "-q", "main")
    repo.git("merge", "other", ok=False)
    return Repository(Git(repo.path))


def stages_of(repository: Repository, path: str = PATH) -> ConflictStages:
    stages = read_stages(repository.git, path)
    assert stages is not None
    return stages


def test_the_versions_in_the_index(repository: Repository) -> None:
    git, stages = repository.git, stages_of(repository)
    base = git.line("merge-base", "main", "other")
    assert stages.ids == tuple(git.line("rev-parse", f"{rev}:{PATH}") for rev in (base, "main", "other"))
    assert stages.mode == "100755"
    assert read_stages(git, ".gitattributes") is None
    assert read_stages(git, "deep") is None


def test_a_record_is_read_as_it_was_written(repository: Repository) -> None:
    assert read_record(repository, PATH) is None
    made = record(stages_of(repository).ids)
    write_record(repository, made)
    assert read_record(repository, PATH) == made
    write_record(repository, replace(made, rules=()))
    assert read_record(repository, PATH) == replace(made, rules=())
    assert read_record(repository, "other.bin") is None


@pytest.mark.parametrize("process", [5, 6, 0])
def test_the_process_that_merged_leaves_the_file(repository: Repository, process: int) -> None:
    made = replace(record(stages_of(repository).ids), left=(1, 2, 3), process=5 if process else 0)
    write_record(repository, made)
    note_files_left(repository, process)
    stamp = file_stamp(os.stat(repository.git.path(PATH)))
    assert read_record(repository, PATH) == (replace(made, left=stamp, process=0) if process == 5 else made)


def test_a_record_of_the_versions_in_the_index_is_valid(repository: Repository) -> None:
    made = record(stages_of(repository).ids)
    write_record(repository, made)
    assert current_record(repository, PATH) == made


def test_a_record_of_other_versions_is_removed(repository: Repository) -> None:
    base, _, theirs = stages_of(repository).ids
    write_record(repository, record((base, "0" * 40, theirs)))
    assert current_record(repository, PATH) is None
    assert read_record(repository, PATH) is None


def test_a_record_of_a_file_that_is_settled_is_removed(repository: Repository) -> None:
    write_record(repository, record(stages_of(repository).ids))
    repository.git.run("add", "--", PATH)
    assert current_record(repository, PATH) is None
    assert read_record(repository, PATH) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "path": "another"}'])
def test_a_damaged_record_is_none(repository: Repository, text: str) -> None:
    write_record(repository, record(stages_of(repository).ids))
    (file,) = (repository.git_dir / "theta" / "conflicts").iterdir()
    file.write_text(text)
    assert read_record(repository, PATH) is None


def test_records_are_private_and_removed_once(repository: Repository) -> None:
    write_record(repository, record(stages_of(repository).ids))
    (file,) = (repository.git_dir / "theta" / "conflicts").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    remove_record(repository, PATH)
    remove_record(repository, PATH)
    assert not file.exists()
