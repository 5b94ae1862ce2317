from __future__ import annotations

from pathlib import Path

import pytest

from git_theta.errors import GitError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.credentials import GitCredentials, with_credential
from git_theta.store.credential import Credential
from tests.helpers.repo import Repo


@pytest.fixture
def credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitCredentials:
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    settings = tmp_path / "settings"
    settings.write_text(f'[credential]\n\thelper = "store --file={tmp_path / "passwords"}"\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    return GitCredentials(Git(tmp_path))


def test_credentials_are_kept_and_forgotten(credentials: GitCredentials, tmp_path: Path) -> None:
    url = "https://example.com:8443/a/b.git/info/lfs"
    assert credentials.fill(url) is None
    credentials.approve(url, Credential("me", "p=w"))
    assert (tmp_path / "passwords").read_text() == "https://me:p%3dw@example.com%3a8443\n"
    found = credentials.fill("https://me@example.com:8443/other")
    assert found is not None
    assert (found.user, found.password) == ("me", "p=w")
    assert "p=w" not in repr(found)
    assert credentials.fill("https://you@example.com:8443/other") is None
    credentials.reject(url, found)
    assert credentials.fill(url) is None


def test_a_line_break_in_a_url(credentials: GitCredentials) -> None:
    with pytest.raises(GitError, match="line break"):
        credentials.fill("https://me%0ahost=evil@example.com/")


def test_a_password_is_no_argument(repo: Repo) -> None:
    """Other users of the machine see arguments, and not the environment."""
    git = with_credential(Git(repo.path), "https://host/a", Credential("me", "s3cret"))
    assert git.env is not None
    assert [key for key, value in git.env.items() if "s3cret" in value] == ["THETA_PASSWORD"]
    answer = git.run("credential", "fill", stdin=b"protocol=https\nhost=host\n\n")
    assert b"password=s3cret\n" in answer
