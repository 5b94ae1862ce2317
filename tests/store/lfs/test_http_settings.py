from __future__ import annotations

import pytest

from git_theta.runtime.gitconfig import GitConfig
from git_theta.store.lfs.http_settings import HttpSettings, LowSpeed
from git_theta.store.remote import TransferError

URL = "https://me@git.example.com/a/b.git/info/lfs"


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("https://git.example.com", True),
        ("https://git.example.com/", True),
        ("https://GIT.example.com:443/a", True),
        ("https://git.example.com/a/", True),
        ("https://git.example.com/a/b", False),
        ("https://*.example.com", True),
        ("https://*.com", False),
        ("https://me@git.example.com", True),
        ("https://you@git.example.com", False),
        ("http://git.example.com", False),
        ("https://git.example.com:8443", False),
        ("https://example.com", False),
        ("https://git.example.com:port", False),
    ],
)
def test_urls_in_settings(pattern: str, fits: bool) -> None:
    settings = HttpSettings({f"http.{pattern}.extraheader": "X-Token: 1: 2"}, {})
    assert settings.headers(URL, own=False) == ({"X-Token": "1: 2"} if fits else {})


def test_the_best_fit_wins() -> None:
    settings = {
        "http.extraheader": "X: all",
        "http.https://git.example.com.extraheader": "X: host",
        "http.https://git.example.com/a.extraheader": "X: path",
        "http.https://*.example.com/a/b.git.extraheader": "X: star",
    }
    web = HttpSettings(settings, {})
    assert web.headers(URL, own=True) == {"X": "path"}
    assert web.headers("https://elsewhere/", own=True) == {"X": "all"}
    assert web.headers("https://elsewhere/", own=False) == {}


@pytest.mark.parametrize(
    ("pairs", "headers"),
    [
        ([("", "A: 1"), ("", "B: 2")], {"A": "1", "B": "2"}),
        ([("", "A: 1"), ("", "a: 2")], {"A": "1, 2"}),
        ([("", "A: 1"), ("https://git.example.com", "B: 2")], {"A": "1", "B": "2"}),
        ([("https://git.example.com", "B: 2"), ("", "A: 1")], {"B": "2"}),
        ([("", "A: 1"), ("https://git.example.com", "A: 2")], {"A": "2"}),
        ([("", "A: 1"), ("https://git.example.com", ""), ("https://git.example.com", "C: 3")], {"C": "3"}),
        ([("https://git.example.com", "C: 3"), ("", "")], {"C": "3"}),
        ([("", "A: 1"), ("", "no header")], {"A": "1"}),
        ([("", "A: 1"), ("", "")], {}),
    ],
)
def test_several_headers(pairs: list[tuple[str, str]], headers: dict[str, str]) -> None:
    settings = GitConfig((f"http.{scope}.extraheader".replace("..", "."), value) for scope, value in pairs)
    assert HttpSettings(settings, {}).headers(URL, own=True) == headers


def test_tls() -> None:
    assert HttpSettings({}, {}).tls(URL).verify
    assert not HttpSettings({"http.sslverify": "False"}, {}).tls(URL).verify
    assert not HttpSettings({}, {"GIT_SSL_NO_VERIFY": "1"}).tls(URL).verify
    assert HttpSettings({"http.sslcainfo": "/ca.pem"}, {}).tls(URL).authorities == "/ca.pem"
    assert HttpSettings({"http.sslcainfo": "/ca.pem"}, {"GIT_SSL_CAINFO": "/b"}).tls(URL).authorities == "/b"


@pytest.mark.parametrize(
    ("settings", "environment", "proxy"),
    [
        ({}, {}, ""),
        ({"http.proxy": "proxy:3128"}, {}, "http://proxy:3128"),
        ({"http.proxy": ""}, {"https_proxy": "http://proxy"}, ""),
        ({}, {"https_proxy": "http://proxy"}, "http://proxy"),
        ({}, {"HTTPS_PROXY": "http://proxy"}, "http://proxy"),
        ({}, {"http_proxy": "http://proxy"}, ""),
        ({}, {"ALL_PROXY": "http://proxy"}, "http://proxy"),
        ({}, {"https_proxy": "http://proxy", "no_proxy": "other, .example.com"}, ""),
        ({}, {"https_proxy": "http://proxy", "NO_PROXY": "*"}, ""),
        ({}, {"https_proxy": "http://proxy", "no_proxy": "ample.com"}, "http://proxy"),
    ],
)
def test_proxies(settings: dict[str, str], environment: dict[str, str], proxy: str) -> None:
    assert HttpSettings(settings, environment).tls(URL).proxy == proxy


@pytest.mark.parametrize(
    "value", ["X: s3cret\nY: 1", "X: s3cret\r", "X: s3cret\0", "X: s3cret\u2026", "X: \udcff"]
)
def test_headers_that_cannot_be_sent(value: str) -> None:
    with pytest.raises(TransferError, match="no header may have") as caught:
        HttpSettings({"http.extraheader": value}, {}).headers("https://host/a", own=True)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "environment", "expected"),
    [
        ({}, {}, LowSpeed()),
        ({"http.lowspeedlimit": "0"}, {}, LowSpeed(0)),
        ({"http.lowspeedlimit": "2k", "http.lowspeedtime": "5"}, {}, LowSpeed(2048, 5)),
        ({"http.https://git.example.com.lowspeedlimit": "7", "http.lowspeedlimit": "1"}, {}, LowSpeed(7, 60)),
        ({"http.lowspeedlimit": "1"}, {"GIT_HTTP_LOW_SPEED_LIMIT": "9"}, LowSpeed(9, 60)),
        ({"http.lowspeedlimit": "-1", "http.lowspeedtime": "9" * 99}, {}, LowSpeed()),
    ],
)
def test_the_speed_that_is_too_low(
    settings: dict[str, str], environment: dict[str, str], expected: LowSpeed
) -> None:
    assert HttpSettings(settings, environment).low_speed(URL) == expected
