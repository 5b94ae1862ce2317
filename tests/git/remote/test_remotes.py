"""The place of a remote's objects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.remotes import describe_location, git_url_of, open_remote, orphaned_settings
from git_theta.git.repository.repository import Repository
from tests.helpers.repo import Repo

API = "https://example.com/lfs"


def repository(repo: Repo, *settings: str) -> Repository:
    """The repository with more settings: `KEY=VALUE`."""
    for setting in settings:
        repo.git("config", "--add", *setting.split("=", 1))
    return Repository(Git(repo.path))


def test_urls_without_a_remote_are_rewritten(repo: Repo, tmp_path: Path) -> None:
    repo.git("init", "-q", "--bare", str(tmp_path / "b"))
    found = repository(repo, f"url.{tmp_path}/.insteadOf=loc:", "url.https://up/.pushInsteadOf=https://down/")
    assert git_url_of(found, "loc:b", "upload") == f"{tmp_path}/b"
    assert open_remote(found, "loc:b", "upload").url == str(tmp_path / "b" / "theta")
    assert git_url_of(found, "https://down/b", "upload") == "https://up/b"
    assert git_url_of(found, "https://down/b", "download") == "https://down/b"


@pytest.mark.parametrize("setting", [f"remote.origin.lfsurl={API}", f"theta.remote.origin.url={API}"])
def test_settings_by_name_hold_for_each_of_several_urls(repo: Repo, setting: str) -> None:
    urls = [f"remote.origin.pushurl=https://{host}.example/a.git" for host in ("one", "two")]
    found = repository(repo, "remote.origin.url=https://one.example/a.git", *urls)
    two = "https://two.example/a.git"
    assert open_remote(found, "origin", "upload", url=two).url == f"{two}/info/lfs"
    assert open_remote(repository(repo, setting), "origin", "upload", url=two).url == API


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        (["remote.x.url=https://me:secret@h/a.git"], "https://h/a.git/info/lfs"),
        (["remote.x.url=https://h/a.git", "lfs.url=https://h/api"], "https://h/api"),
        (["remote.x.url=https://h/a.git", "theta.remote.x.url=s3://me:secret@b/p?key=1"], "s3://b/p"),
        (
            ["remote.x.url=git@h:a.git"],
            "https://h/a.git/info/lfs (by SSH, from git@h), or the repository itself without Git LFS",
        ),
        (["remote.x.url=file:///no/where"], "/no/where"),
        (["remote.x.url=git-remote-helper://a"], "git-remote-helper://a"),
    ],
)
def test_descriptions_of_places(repo: Repo, settings: list[str], place: str) -> None:
    assert describe_location(repository(repo, *settings), "x", "download") == place


def test_a_relative_path_starts_where_the_work_tree_is(repo: Repo, tmp_path: Path) -> None:
    repo.git("init", "-q", "--bare", str(tmp_path / "b"))
    found = repository(repo, "remote.x.url=../b")
    place = str(tmp_path / "b" / "theta")
    assert Path(open_remote(found, "x", "upload").url).resolve() == Path(place)
    (tmp_path / "apart").mkdir()
    repo.git("init", "-q", "--separate-git-dir", str(tmp_path / "apart" / "r.git"))
    assert Path(open_remote(repository(repo), "x", "upload").url).resolve() == Path(place)
    (repo.path / ".git").unlink()
    (tmp_path / "apart" / "r.git").rename(repo.path / ".git")
    (repo.path / "inner").mkdir()
    repo.git("config", "core.worktree", "../inner")
    repo.git("config", "remote.x.url", "../../b")
    inner = Repository(Git(repo.path / "inner"))
    assert Path(open_remote(inner, "x", "upload").url).resolve() == Path(place)


def test_env_shows_places(repo: Repo) -> None:
    repository(repo, "remote.one.url=https://h/a.git", "remote.one.lfspushurl=https://up/api")
    repository(repo, "remote.two.url=https://me:secret@h/b.git")
    said = repo.theta("env")
    assert "[remotes]\none = https://h/a.git/info/lfs (uploads: https://up/api)\n" in said
    assert "two = https://h/b.git/info/lfs\n" in said
    assert "secret" not in said


def test_a_remote_that_was_renamed(repo: Repo, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    repo.git("init", "-q", "--bare", str(tmp_path / "b"))
    repo.git("remote", "add", "old", str(tmp_path / "b"))
    found = repository(repo, f"theta.remote.old.url={tmp_path}/objects", "theta.remote.https://h/a.url=/x")
    assert orphaned_settings(found.git) == []
    repo.git("remote", "rename", "old", "new")
    found = repository(repo)
    assert orphaned_settings(found.git) == ["old"]
    todo = "git config --rename-section theta.remote.old theta.remote"
    assert f"{todo}.NEW" in json.loads(repo.theta("env", "--json"))["remotes"]["(old)"]
    open_remote(found, "old", "upload")
    assert not capfd.readouterr().err
    for _ in range(2):
        open_remote(found, "new", "upload")
    said = capfd.readouterr().err
    assert said.count("\n") == 1
    assert f"{todo}.new" in said
    repo.git(*f"{todo}.new".split()[1:])
    assert open_remote(repository(repo), "new", "upload").url == str(tmp_path / "objects")


def track(repo: Repo, text: str) -> None:
    (repo.path / ".theta").mkdir(exist_ok=True)
    (repo.path / ".theta" / "config.toml").write_text(text)


def test_a_bucket_that_the_repository_names(repo: Repo, tmp_path: Path) -> None:
    found = repository(repo, "remote.x.url=https://h/a.git", f"theta.remote.y.url={tmp_path}")
    track(repo, '[[merge]]\nstrategy = "ours"\n[remote]\nurl = "s3://models/prefix"\n')
    doubt = (
        "s3://models/prefix (not used until you trust it: git config --add theta.trustedPlace s3://models)"
    )
    assert describe_location(found, "x", "download") == doubt
    assert describe_location(found, "y", "download") == str(tmp_path)
    found = repository(repo, "theta.trustedPlace=s3://models")
    assert describe_location(found, "x", "download") == "s3://models/prefix"
    repo.git("add", ".theta")
    (repo.path / ".theta" / "config.toml").unlink()
    assert describe_location(found, "x", "download") == "s3://models/prefix"
    repo.git("commit", "-qm", "settings")
    repo.git("rm", "-q", "--cached", ".theta/config.toml")
    assert describe_location(found, "x", "download") == "s3://models/prefix"


@pytest.mark.parametrize("url", ['"/etc"', '"ssh://host/x"', '"https://h/x"', '"file:///x"', '"host:x"', "3"])
def test_a_repository_can_only_name_buckets(repo: Repo, url: str) -> None:
    found = repository(repo, "remote.x.url=https://h/a.git")
    track(repo, f"[remote]\nurl = {url}\n")
    with pytest.raises(UsageError, match="only the URL of a bucket"):
        open_remote(found, "x", "download")


def test_invalid_toml(repo: Repo) -> None:
    found = repository(repo, "remote.x.url=https://h/a.git")
    track(repo, "[remote\n")
    with pytest.raises(UsageError, match="isn't valid TOML"):
        open_remote(found, "x", "upload")


def test_an_invalid_lfsconfig(repo: Repo) -> None:
    found = repository(repo, "remote.x.url=https://h/a.git")
    (repo.path / ".lfsconfig").write_text("[lfs\n")
    with pytest.raises(UsageError, match=r"\.lfsconfig isn't valid"):
        open_remote(found, "x", "upload")
