"""Places of objects by host or bucket, and whether these are the remote's own."""

from __future__ import annotations

import pytest

from git_theta.store.places import is_own_place, place_of


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://me:secret@Host/a/b?token=1", "https://host"),
        ("https://host:443/a", "https://host"),
        ("https://host:8443/a", "https://host:8443"),
        ("http://host:80/a", "http://host"),
        ("https://[::1]/a", "https://[::1]"),
        ("git@host:a/b", "ssh://host"),
        ("ssh://git@Host:22/a", "ssh://host"),
        ("git+ssh://host:2222/a", "ssh://host:2222"),
        ("ssh://[::1]/a", "ssh://[::1]"),
        ("s3://me:secret@bucket/prefix", "s3://bucket"),
        ("s3://bucket/prefix?endpoint=http://evil", "s3://bucket?endpoint=http://evil"),
        ("/a/b", ""),
        ("file:///a/b", ""),
        ("../b", ""),
    ],
)
def test_places(url: str, place: str) -> None:
    assert place_of(url) == place


@pytest.mark.parametrize("url", ["https://[x/a", "https://h:port/", "s3://[x", "ssh://h:port/a", "a::b"])
def test_urls_that_are_not_valid(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        place_of(url)
    assert not is_own_place(url, "https://host/a")
    assert not is_own_place("https://host/a", url)


@pytest.mark.parametrize(
    ("url", "git_url"),
    [
        ("https://host/lfs", "https://host/a.git"),
        ("https://host/lfs", "https://me@host/a.git"),
        ("https://host/lfs", "http://host:8080/a.git"),
        ("https://host/lfs", "git@host:a.git"),
        ("https://host/lfs", "ssh://git@HOST:2222/a.git"),
        ("https://[::1]/lfs", "ssh://git@[::1]:2222/a.git"),
        ("https://host/lfs", "git://host/a.git"),
        ("http://host:8080/lfs", "http://host:8080/a.git"),
        ("ssh://git@host/lfs", "me@host:a.git"),
        ("/a/theta", "/a"),
        ("/a/theta", "file:///b"),
    ],
)
def test_own_places(url: str, git_url: str) -> None:
    assert is_own_place(url, git_url)


@pytest.mark.parametrize(
    ("url", "git_url"),
    [
        ("https://other/lfs", "https://host/a.git"),
        ("https://host.evil/lfs", "https://host/a.git"),
        ("https://host@evil/lfs", "https://host/a.git"),
        ("https://evil:token@host/lfs", "https://host/a.git"),
        ("http://host/lfs", "https://host/a.git"),
        ("http://host/lfs", "git@host:a.git"),
        ("http://host:1/lfs", "http://host:2/a.git"),
        ("https://host:8443/lfs", "https://host/a.git"),
        ("https://host:8443/lfs", "git@host:a.git"),
        ("ssh://host/lfs", "https://host/a.git"),
        ("ssh://host:2222/lfs", "git@host:a.git"),
        ("https://host/lfs", "/a"),
        ("https://host/lfs", "file:///a"),
        ("s3://host/lfs", "https://host/a.git"),
        ("s3://host/lfs", "/a"),
        ("/a", "https://host/a.git"),
        ("https://host/lfs", "helper::https://host/a"),
    ],
)
def test_other_places(url: str, git_url: str) -> None:
    assert not is_own_place(url, git_url)
