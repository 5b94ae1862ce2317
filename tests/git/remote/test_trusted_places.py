"""Places of objects that tracked files name are used only if they're the remote's own, or trusted."""

from __future__ import annotations

import pytest

from git_theta.errors import ThetaError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.remote import trusted_places
from git_theta.git.remote.remotes import describe_location, open_remote
from git_theta.git.repository.repository import Repository
from git_theta.settings import TRACKED_CONFIG
from tests.helpers.lfs_server import Answer, serving
from tests.helpers.repo import Repo

OWN = "https://host.example/a.git"


@pytest.fixture
def repository(repo: Repo) -> Repository:
    repo.git("config", "remote.origin.url", OWN)
    return Repository(Git(repo.path))


def lfsconfig(repo: Repo, key: str, value: str) -> None:
    repo.git("config", "-f", ".lfsconfig", key, value)


@pytest.mark.parametrize(
    ("key", "url", "place"),
    [
        ("lfs.url", "https://evil.example/lfs", "https://evil.example"),
        ("lfs.url", "https://host.example@evil.example/lfs", "https://evil.example"),
        ("lfs.url", "http://host.example/lfs", "http://host.example"),
        ("lfs.url", "https://evil:token@host.example/lfs", "https://host.example"),
        ("lfs.pushurl", "https://evil.example/lfs", "https://evil.example"),
        ("remote.origin.lfsurl", "https://evil.example/lfs", "https://evil.example"),
        ("lfs.url", "ssh://git@evil.example/lfs", "ssh://evil.example"),
        ("lfs.url", "git@evil.example:lfs", "ssh://evil.example"),
        ("lfs.url", "git://evil.example/lfs", "https://evil.example"),
        ("lfs.url", "ssh://-oProxyCommand=x/lfs", "ssh://-oproxycommand=x"),
    ],
)
def test_another_host_in_lfsconfig(
    repo: Repo, repository: Repository, key: str, url: str, place: str
) -> None:
    lfsconfig(repo, key, url)
    with pytest.raises(UsageError, match=r"\.lfsconfig names") as caught:
        open_remote(repository, "origin", "upload")
    assert caught.value.hint.endswith(f"git config --add theta.trustedPlace {place}")
    assert "token" not in str(caught.value)
    assert "not used until you trust it" in describe_location(repository, "origin", "upload")


def test_the_scheme_of_git_urls_is_no_host(repo: Repo, repository: Repository) -> None:
    """Any text before `://` would become the host."""
    repo.git("config", "remote.origin.url", "git://host.example/a")
    lfsconfig(repo, "lfs.gitprotocol", "https://evil.example/x?")
    assert open_remote(repository, "origin", "upload").url == "https://host.example/a.git/info/lfs"


@pytest.mark.parametrize("url", ["https://host.example/lfs", "https://host.example:443/other"])
def test_the_own_host_in_lfsconfig(repo: Repo, repository: Repository, url: str) -> None:
    lfsconfig(repo, "lfs.url", url)
    assert open_remote(repository, "origin", "upload").url == url


def test_the_users_own_settings_need_no_trust(repo: Repo, repository: Repository) -> None:
    lfsconfig(repo, "lfs.url", "https://evil.example/lfs")
    repo.git("config", "lfs.url", "https://mine.example/lfs")
    assert open_remote(repository, "origin", "upload").url == "https://mine.example/lfs"


@pytest.mark.parametrize("value", ["https://lfs.example", "https://LFS.example:443/any/path"])
def test_a_trusted_place(repo: Repo, repository: Repository, value: str) -> None:
    lfsconfig(repo, "lfs.url", "https://lfs.example/lfs")
    repo.git("config", "--add", "theta.trustedPlace", "https://another.example")
    repo.git("config", "--add", "theta.trustedPlace", value)
    assert open_remote(repository, "origin", "upload").url == "https://lfs.example/lfs"
    lfsconfig(repo, "lfs.url", "http://lfs.example/lfs")
    with pytest.raises(UsageError):
        open_remote(repository, "origin", "upload")


def test_a_tracked_file_cannot_trust_itself(repo: Repo, repository: Repository) -> None:
    lfsconfig(repo, "lfs.url", "https://evil.example/lfs")
    lfsconfig(repo, "theta.trustedPlace", "https://evil.example")
    repo.write(TRACKED_CONFIG, b'[theta]\ntrustedPlace = "https://evil.example"\n')
    with pytest.raises(UsageError):
        open_remote(repository, "origin", "upload")


def test_a_bucket(repo: Repo, repository: Repository) -> None:
    repo.write(TRACKED_CONFIG, b'[remote]\nurl = "s3://models/team"\n')
    for operation in ("upload", "download"):
        with pytest.raises(UsageError, match=r"\.theta/config\.toml names s3://models as"):
            open_remote(repository, "origin", operation)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "file"),
    [("https://[x/", ".lfsconfig"), ("s3://[x", TRACKED_CONFIG), ("[-oX]:y", ".lfsconfig")],
)
def test_urls_that_are_not_valid(repo: Repo, repository: Repository, url: str, file: str) -> None:
    if file == TRACKED_CONFIG:
        repo.write(TRACKED_CONFIG, f'[remote]\nurl = "{url}"\n'.encode())
    else:
        lfsconfig(repo, "lfs.url", url)
    with pytest.raises(ThetaError):
        open_remote(repository, "origin", "upload")
    repo.theta("env")


def test_the_user_is_asked_once(repo: Repo, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def confirm(question: str) -> bool | None:
        asked.append(question)
        return "good" in question

    monkeypatch.setattr(trusted_places, "confirm", confirm)
    for _ in range(2):
        lfsconfig(repo, "lfs.url", "https://good.example/lfs")
        assert open_remote(repository, "origin", "upload").url == "https://good.example/lfs"
        lfsconfig(repo, "lfs.url", "https://evil.example/lfs")
        with pytest.raises(UsageError):
            open_remote(repository, "origin", "upload")
    assert len(asked) == 2
    assert repo.git("config", "theta.trustedPlace") == "https://good.example\n"
    repo.git("config", "--add", "theta.trustedPlace", "https://evil.example")
    assert open_remote(repository, "origin", "upload").url == "https://evil.example/lfs"


@pytest.mark.parametrize("named_by", ["tracked", "user", "remote"])
def test_headers_for_every_url_go_to_the_remotes_own_server(repo: Repo, named_by: str) -> None:
    """Git sends them to the server of the remote; to another, only at the user's own word."""
    with serving() as server:
        server.faults["POST"] = [Answer(404)]
        repo.git("config", "http.extraHeader", "X-Secret: s3cret")
        repo.git("config", "theta.trustedPlace", server.url)
        repo.git("config", "remote.origin.url", f"{server.url}/a" if named_by == "remote" else OWN)
        if named_by == "tracked":
            lfsconfig(repo, "lfs.url", f"{server.url}/lfs")
        elif named_by == "user":
            repo.git("config", "lfs.url", f"{server.url}/lfs")
        with pytest.raises(ThetaError):
            open_remote(Repository(Git(repo.path)), "origin", "download").downloads([])
    (request,) = server.requests
    assert request.headers.get("x-secret") == (None if named_by == "tracked" else "s3cret")
