from __future__ import annotations

import pytest

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.worktree.previous_version import previous_version
from tests.helpers.model_files import NAME, SECOND
from tests.helpers.repo import Repo


def test_the_index_comes_before_head(model: Repo) -> None:
    committed = previous_version(Git(model.path), NAME)
    assert (committed.mode, committed.oid) == ("100644", model.git("rev-parse", f"HEAD:{NAME}").strip())
    model.write(NAME, SECOND)
    model.git("add", NAME)
    staged = previous_version(Git(model.path), NAME)
    assert staged.oid == model.git("rev-parse", f":{NAME}").strip() != committed.oid
    model.git("rm", "-q", "--cached", "-f", NAME)
    assert previous_version(Git(model.path), NAME) == committed


def test_a_file_in_conflict_is_refused(model: Repo) -> None:
    oid = model.git("rev-parse", f":{NAME}").strip()
    model.git("rm", "-q", "--cached", NAME)
    lines = "".join(f"100644 {oid} {stage}\t{NAME}\n" for stage in (1, 2, 3))
    model.run("git", "update-index", "--index-info", stdin=lines.encode())
    with pytest.raises(GitError, match="is in conflict"):
        previous_version(Git(model.path), NAME)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("new.safetensors", "no previous version that an update could apply to"),
        ("plain.bin", "no previous version that git-theta stored"),
        ("folder", "isn't tracked by git-theta"),
        ("notes.txt", "isn't tracked by git-theta"),
    ],
)
def test_other_files_have_no_previous_version(model: Repo, name: str, complaint: str) -> None:
    model.write("folder/notes.txt", b"text")
    oid = model.run("git", "hash-object", "-w", "--stdin", stdin=b"weights").stdout.strip()
    model.git("update-index", "--add", "--cacheinfo", f"100644,{oid},plain.bin")
    with pytest.raises(UsageError, match=complaint):
        previous_version(Git(model.path), name)
