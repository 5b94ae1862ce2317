"""URLs: what may be shown of them, and whether they lead to one server."""

from __future__ import annotations

from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from git_theta.runtime.output import without_passwords

#: URL schemes of buckets.
BUCKET_SCHEMES = ("s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss")

_PORTS = {"http": 80, "https": 443}


def url_scheme(url: str) -> str:
    """The scheme in lower case; empty for a path, and for `host:path`."""
    return url.partition("://")[0].lower() if "://" in url else ""


def is_bucket(url: str) -> bool:
    """Whether a URL is that of a bucket."""
    return url_scheme(url) in BUCKET_SCHEMES


def http_url(url: str) -> str:
    """The URL itself, checked to be one that HTTP can request.

    Raises:
        ValueError: The URL isn't valid, or has another scheme.
    """
    parts = urlsplit(url)
    # Reading the port checks it.
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or parts.port == 0
        or not url.isprintable()
    ):
        raise ValueError(f"{url!r} isn't an HTTP URL")
    return url


def same_server(one: str, other: str) -> bool:
    """Whether two URLs have the same scheme, host and port."""
    return server_of(urlsplit(one)) == server_of(urlsplit(other))


def is_downgrade(one: str, other: str) -> bool:
    """Whether a URL has HTTP after one with HTTPS."""
    return urlsplit(one).scheme.lower() == "https" and urlsplit(other).scheme.lower() == "http"


def server_of(parts: SplitResult) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL."""
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme)


def without_password(url: str) -> str:
    """A URL as it may be shown: without user, password and query, which may be a signature."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return without_passwords(url)
    host = parts.netloc.rpartition("@")[2]
    if not host and "://" in url:
        # `urlunsplit` would leave the slashes away.
        return f"{parts.scheme}://{parts.path}"
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def user_and_password(url: str) -> tuple[str | None, str | None]:
    """The user name and the password in a URL, decoded; `None` where there's none."""
    parts = urlsplit(url)
    return (
        None if parts.username is None else unquote(parts.username),
        None if parts.password is None else unquote(parts.password),
    )
