from __future__ import annotations

import pytest

from git_theta.store.urls import (
    http_url,
    is_bucket,
    same_server,
    url_scheme,
    user_and_password,
    without_password,
)


def test_schemes() -> None:
    assert [url_scheme(url) for url in ("S3://b/p", "host:path", "/a", "a://b://c")] == ["s3", "", "", "a"]


def test_buckets() -> None:
    assert is_bucket("s3://bucket")
    assert is_bucket("GS://bucket")
    assert not is_bucket("https://bucket")
    assert not is_bucket("s3:/bucket")


def test_urls_that_http_can_request() -> None:
    assert http_url("https://host:8443/a?b") == "https://host:8443/a?b"
    for url in ("ftp://host/a", "https:///a", "https://host:0/a", "https://host:x/a", "https://host/a\n"):
        with pytest.raises(ValueError, match=r"HTTP|[Pp]ort"):
            http_url(url)


def test_servers() -> None:
    assert same_server("https://Host/a", "https://me:x@host:443/b")
    assert not same_server("https://host", "http://host")
    assert not same_server("https://host", "https://host:8443")


def test_passwords() -> None:
    assert without_password("https://me:x@host/a?signature=1") == "https://host/a"
    assert without_password("flat:///a?key=1") == "flat:///a"
    assert user_and_password("https://me:x%40y@host/a") == ("me", "x@y")
    assert user_and_password("https://host/a") == (None, None)
