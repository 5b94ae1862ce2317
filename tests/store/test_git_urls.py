"""URLs that Git takes for paths."""

from __future__ import annotations

import pytest

from git_theta.store.git_urls import local_path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/a/b.git", "/a/b.git"),
        ("../b", "../b"),
        ("./a:b", "./a:b"),
        ("~/b", "~/b"),
        ("a/b:c", "a/b:c"),
        ("file:///a%20b", "/a b"),
        ("file://host/a", "//host/a"),
        ("a:b", None),
        ("git@host:a/b.git", None),
        ("[::1]:b", None),
        ("http://host/a.git", None),
        ("git://host/a.git", None),
        ("FILE:///a", None),
        ("helper::/a", None),
    ],
)
def test_paths(url: str, path: str | None) -> None:
    assert local_path(url) == path
