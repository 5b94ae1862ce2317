"""Remotes on this machine: only paths outside of the work tree, where no commit can put anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.remotes import open_remote
from git_theta.git.repository.repository import Repository
from tests.helpers.repo import Repo

DATA = [b"x" * 100]


def repository(repo: Repo, url: str, name: str = "origin") -> Repository:
    """The repository with another remote."""
    repo.git("config", f"remote.{name}.url", url)
    return Repository(Git(repo.path))


@pytest.fixture
def private(tmp_path: Path) -> Repository:
    """Another repository on this machine, which has an object."""
    made = Repo(tmp_path / "private")
    made.path.mkdir()
    made.git("init", "-q")
    found = Repository(Git(made.path))
    found.store.put(DATA)
    return found


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("http://host/evil.git", "http:/host/evil.git"),
        ("https://host/evil.git", "https:/host/evil.git"),
        ("ssh://git@host/evil.git", "ssh:/git@host/evil.git"),
        ("git@host:team/evil.git", "git@host:team/evil.git"),
        ("git@host:evil.git", "git@host:evil.git"),
        ("host:evil", "host:evil"),
        ("helper::evil", "helper::evil"),
        ("FILE://evil", "FILE:/evil"),
        ("evil", "evil"),
        ("./sub/evil", "sub/evil"),
        ("s3://bucket/x", "s3:/bucket/x"),
    ],
)
def test_a_link_that_is_named_like_the_url(repo: Repo, private: Repository, url: str, link: str) -> None:
    """A stranger's repository can't lead to the objects of another repository."""
    oid = private.store.put(DATA)
    (repo.path / link).parent.mkdir(parents=True, exist_ok=True)
    (repo.path / link).symlink_to(private.common_dir.parent)
    found = repository(repo, url)
    assert not list(found.remote_folders)
    assert not found.store.has(oid)


@pytest.mark.parametrize("url", ["inside", "./inside", "sub/../inside", "link", "file://{top}/inside"])
@pytest.mark.parametrize("operation", ["upload", "download"])
def test_a_folder_in_the_work_tree_is_refused(repo: Repo, url: str, operation: str) -> None:
    repo.git("init", "-q", "--bare", "inside")
    (repo.path / "link").symlink_to(repo.path.parent)
    found = repository(repo, url.format(top=repo.path))
    with pytest.raises(UsageError, match="in the work tree of this repository"):
        open_remote(found, "origin", operation)  # type: ignore[arg-type]


def test_a_folder_in_another_work_tree_is_refused(repo: Repo, tmp_path: Path) -> None:
    repo.git("commit", "-q", "--allow-empty", "-m", "first")
    repo.git("worktree", "add", "-q", str(tmp_path / "other"))
    for folder in (tmp_path / "other", repo.path):
        for git in (repo.path, tmp_path / "other"):
            repo.git("config", "remote.origin.url", str(folder / "sub"))
            with pytest.raises(UsageError, match="in the work tree"):
                open_remote(Repository(Git(git)), "origin", "download")


def test_a_link_elsewhere_into_the_work_tree(repo: Repo, tmp_path: Path) -> None:
    (repo.path / "sub").mkdir()
    (tmp_path / "link").symlink_to(repo.path / "sub")
    assert not list(repository(repo, str(tmp_path / "link")).remote_folders)


def test_paths_outside_are_as_before(repo: Repo, private: Repository, tmp_path: Path) -> None:
    oid = private.store.put(DATA)
    for url in ("../private", str(tmp_path / "private"), f"file://{tmp_path}/private"):
        assert repository(repo, url).store.has(oid), url
    repo.git("config", "remote.origin.url", "near:private")
    assert not Repository(Git(repo.path)).store.has(oid)
    repo.git("config", f"url.{tmp_path}/.insteadOf", "near:")
    assert Repository(Git(repo.path)).store.has(oid)


def test_a_folder_of_git_is_no_work_tree(repo: Repo) -> None:
    repo.git("init", "-q", "--bare", ".git/backup.git")
    (repo.path / ".git" / "backup.git" / "theta" / "objects").mkdir(parents=True)
    assert [path.name for path in repository(repo, ".git/backup.git").remote_folders] == ["backup.git"]


def test_the_users_own_word_names_any_folder(repo: Repo) -> None:
    found = repository(repo, "https://host/a.git")
    repo.git("config", "theta.remote.origin.url", "inside")
    assert Path(open_remote(found, "origin", "upload").url).name == "inside"


def test_a_path_with_a_zero_byte(repo: Repo) -> None:
    with pytest.raises(UsageError, match="zero byte"):
        open_remote(repository(repo, "file:///a%00b"), "origin", "upload")
