from __future__ import annotations

import pytest

from git_theta.git.plumbing.command import Git
from git_theta.runtime.gitconfig import GitConfig
from git_theta.store.lfs.endpoint import Endpoint, find_endpoint, git_url
from git_theta.store.ssh_address import SshAddress
from tests.helpers.repo import Repo

HTTPS = "https://example.com/a/b.git/info/lfs"


def ssh(path: str, host: str = "git@example.com", port: int | None = None) -> SshAddress:
    return SshAddress(host, port, path)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/a/b", Endpoint(HTTPS)),
        ("https://example.com/a/b/", Endpoint(HTTPS)),
        ("https://example.com/a/b.git", Endpoint(HTTPS)),
        ("HTTPS://example.com/a/b.git/", Endpoint(HTTPS)),
        ("http://example.com:8080/a/b", Endpoint("http://example.com:8080/a/b.git/info/lfs")),
        ("https://me:secret@example.com/a/b", Endpoint("https://me:secret@example.com/a/b.git/info/lfs")),
        ("git@example.com:a/b.git", Endpoint(HTTPS, ssh("a/b.git"))),
        ("git@example.com:a/b", Endpoint(HTTPS, ssh("a/b"))),
        ("git@example.com:/a/b", Endpoint(HTTPS, ssh("/a/b"))),
        ("example.com:a/b", Endpoint(HTTPS, ssh("a/b", "example.com"))),
        ("git@[::1]:a/b", Endpoint("https://[::1]/a/b.git/info/lfs", ssh("a/b", "git@::1"))),
        ("ssh://git@example.com/a/b.git", Endpoint(HTTPS, ssh("/a/b.git"))),
        ("ssh://git@example.com:2222/a/b", Endpoint(HTTPS, ssh("/a/b", port=2222))),
        ("git+ssh://git@example.com/a/b", Endpoint(HTTPS, ssh("/a/b"))),
        ("ssh://git@example.com/~me/b", Endpoint("https://example.com/~me/b.git/info/lfs", ssh("~me/b"))),
        ("git://example.com/a/b", Endpoint(HTTPS)),
        ("/home/me/b.git", None),
        ("../b", None),
        ("./with:colon", None),
        ("file:///home/me/b.git", None),
        ("s3://bucket/b", None),
        ("ext::ssh -i key %S b", None),
        ("https:///a", None),
        ("https://example.com:port/a", None),
    ],
)
def test_the_url_of_a_repository(url: str, expected: Endpoint | None) -> None:
    assert find_endpoint({"remote.origin.url": url}, {}, "origin", "download") == expected
    assert find_endpoint({}, {}, url, "upload") == expected


BASE = {"remote.origin.url": "https://example.com/a/b"}
LFS = {"lfs.url": "https://lfs/x/"}
REMOTE = {"remote.origin.lfsurl": "https://remote/x"}


@pytest.mark.parametrize(
    ("settings", "lfsconfig", "download", "upload"),
    [
        (LFS, {}, "https://lfs/x", "https://lfs/x"),
        (LFS | {"lfs.pushurl": "https://up/x"}, {}, "https://lfs/x", "https://up/x"),
        (REMOTE, {}, "https://remote/x", "https://remote/x"),
        (REMOTE | {"remote.origin.lfspushurl": "https://up/x"}, {}, "https://remote/x", "https://up/x"),
        ({"remote.origin.lfspushurl": "https://up/x"}, {}, HTTPS, "https://up/x"),
        (REMOTE | LFS, {}, "https://lfs/x", "https://lfs/x"),
        ({"remote.origin.pushurl": "https://up/x"}, {}, HTTPS, "https://up/x.git/info/lfs"),
        ({"remote.other.lfsurl": "https://other/x"}, {}, HTTPS, HTTPS),
        ({}, LFS, "https://lfs/x", "https://lfs/x"),
        ({}, LFS | {"lfs.pushurl": "https://up/x"}, "https://lfs/x", "https://up/x"),
        ({}, REMOTE, "https://remote/x", "https://remote/x"),
        (LFS, {"lfs.url": "https://evil/x"}, "https://lfs/x", "https://lfs/x"),
        (
            {},
            {"remote.origin.url": "https://evil/x", "url.https://evil/.insteadof": "https://"},
            HTTPS,
            HTTPS,
        ),
        (LFS | {"lfs.url": ""}, {}, HTTPS, HTTPS),
        (
            {"url.https://mirror/.insteadof": "https://example.com/"},
            {},
            *["https://mirror/a/b.git/info/lfs"] * 2,
        ),
        (
            {
                "url.https://mirror/.insteadof": "https://",
                "url.https://near/.insteadof": "https://example.com/a/",
            },
            {},
            *["https://near/b.git/info/lfs"] * 2,
        ),
        (
            {"url.https://up/.pushinsteadof": "https://example.com/"},
            {},
            HTTPS,
            "https://up/a/b.git/info/lfs",
        ),
        (
            {"url.https://up/.pushinsteadof": "https://push/", "remote.origin.pushurl": "https://push/x"},
            {},
            HTTPS,
            "https://push/x.git/info/lfs",
        ),
        ({"remote.origin.url": "gh:a/b", "url.https://example.com/.insteadof": "gh:"}, {}, HTTPS, HTTPS),
    ],
)
def test_what_settings_say(
    settings: dict[str, str], lfsconfig: dict[str, str], download: str, upload: str
) -> None:
    merged = BASE | settings
    assert find_endpoint(merged, lfsconfig, "origin", "download") == Endpoint(download)
    assert find_endpoint(merged, lfsconfig, "origin", "upload") == Endpoint(upload)


def test_the_scheme_in_place_of_gits_own() -> None:
    settings = {"remote.origin.url": "git://example.com/a/b", "lfs.gitprotocol": "http"}
    assert find_endpoint(settings, {}, "origin", "download") == Endpoint(
        "http://example.com/a/b.git/info/lfs"
    )


def test_a_server_reached_by_ssh() -> None:
    found = find_endpoint({"lfs.url": "ssh://git@example.com/a/b"}, {}, "origin", "download")
    assert found == Endpoint("https://example.com/a/b", ssh("/a/b"))


def test_several_urls_for_one_base() -> None:
    pairs = [("url.https://example.com/.insteadof", start) for start in ("gh:", "hub:")]
    for url in ("gh:a/b", "hub:a/b"):
        settings = GitConfig([*pairs, ("remote.origin.url", url)])
        assert find_endpoint(settings, {}, "origin", "download") == Endpoint(HTTPS)


@pytest.mark.parametrize("url", ["gh:a", "hub:a", "https://example.com/a", "https://up/a", "other"])
def test_urls_are_rewritten_as_git_does(repo: Repo, url: str) -> None:
    for key, value in [
        ("remote.origin.url", url),
        ("remote.origin.url", "https://second/"),
        ("url.https://example.com/.insteadOf", "gh:"),
        ("url.https://example.com/.insteadOf", "hub:"),
        ("url.https://Push/.pushInsteadOf", "https://example.com/"),
        ("url.https://Push/.pushInsteadOf", "https://up/"),
        ("url.https://Push/.pushInsteadOf", "hub:"),
    ]:
        repo.git("config", "--add", key, value)
    settings = Git(repo.path).settings
    assert git_url(settings, "origin", "download") == repo.git("remote", "get-url", "origin").strip()
    assert git_url(settings, "origin", "upload") == repo.git("remote", "get-url", "--push", "origin").strip()
