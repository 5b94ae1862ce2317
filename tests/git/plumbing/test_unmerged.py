from __future__ import annotations

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.unmerged import unmerged_paths, unmerged_stages
from tests.helpers.repo import Repo


def test_files_in_conflict_are_listed(repo: Repo) -> None:
    repo.write("folder/text", b"base")
    repo.write("other", b"base")
    repo.commit()
    assert not unmerged_paths(Git(repo.path))
    repo.git("checkout", "-qb", "side")
    repo.write("folder/text", b"side")
    repo.commit()
    repo.git("checkout", "-q", "-")
    repo.write("folder/text", b"main")
    repo.commit()
    repo.git("merge", "side", ok=False)
    assert unmerged_paths(Git(repo.path / "folder")) == {"folder/text"}
    repo.git("rm", "-q", "--cached", "folder/text")
    assert not unmerged_paths(Git(repo.path))


def test_stages_of_a_file_that_one_side_removed(repo: Repo) -> None:
    repo.write("text", b"base")
    repo.commit()
    repo.git("checkout", "-qb", "side")
    repo.git("rm", "-q", "text")
    repo.commit()
    repo.git("checkout", "-q", "-")
    repo.write("text", b"main")
    repo.commit()
    repo.git("merge", "side", ok=False)
    assert unmerged_stages(Git(repo.path)) == {"text": {1, 2}}
