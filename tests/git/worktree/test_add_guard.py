from __future__ import annotations

import pytest

from git_theta.errors import GitError
from git_theta.git.repository.conflict_records import ConflictRecord, write_record
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.add_guard import refuse_unresolved
from git_theta.merging.outcome import Conflict
from tests.helpers.model_files import FIRST, NAME, SECOND
from tests.helpers.repo import Repo


@pytest.fixture(autouse=True)
def git_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is taken for one that `git add` started."""
    monkeypatch.setattr("git_theta.git.worktree.add_guard.stages_files", lambda: True)


@pytest.fixture
def versions(repo: Repo, repository: Repository) -> list[bytes]:
    """The manifests of ours and theirs; the index has both, as a merge with conflicts leaves it."""
    texts, oids = [], []
    for data in (FIRST, SECOND):
        repo.write(NAME, data)
        repo.git("add", NAME)
        texts.append(repo.git("show", f":{NAME}").encode())
        oids.append(repo.git("rev-parse", f":{NAME}").strip())
    repo.git("rm", "-q", "--cached", "-f", NAME)
    lines = "".join(f"100644 {oid} {stage}\t{NAME}\n" for stage, oid in enumerate(oids, 2))
    repo.run("git", "update-index", "--index-info", stdin=lines.encode())
    write_record(repository, ConflictRecord(NAME, ("", oids[0], oids[1]), (Conflict("bias", "both"),)))
    return texts


def test_ours_is_not_staged_as_the_merge_left_it(repository: Repository, versions: list[bytes]) -> None:
    with pytest.raises(GitError, match="as it was before the merge"):
        refuse_unresolved(repository, NAME, versions[0])


def test_another_version_may_be_staged(repository: Repository, versions: list[bytes]) -> None:
    refuse_unresolved(repository, NAME, versions[1])
    refuse_unresolved(repository, "other.safetensors", versions[0])


def test_only_commands_that_stage_files_are_guarded(
    repository: Repository, versions: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("git_theta.git.worktree.add_guard.stages_files", lambda: False)
    refuse_unresolved(repository, NAME, versions[0])
