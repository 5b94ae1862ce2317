"""Git's settings `http.*` and variables of the environment, for a URL: TLS, proxy and headers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from git_theta.runtime.gitconfig import all_pairs
from git_theta.store.remote import TransferError
from git_theta.store.urls import server_of

#: Values of headers: Latin-1 without control characters.
_SENDABLE = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")

#: Numbers as Git's settings have them. More digits are no speed.
_NUMBER = re.compile(r"(\d{1,15})([kKmMgG]?)")

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}

_FALSE = ("false", "no", "off", "0", "")

#: How specific a setting is for a URL: length of the host, length of the path, whether the user fits.
_Rank = tuple[int, int, int]

#: Rank of settings for every URL.
_ANYWHERE: _Rank = (-1, -1, -1)


@dataclass(frozen=True, slots=True)
class Tls:
    """Settings of a connection.

    Attributes:
        verify: Whether the server's certificate is checked.
        authorities: Path of a file with certificates to trust instead of the system's; may be empty.
        proxy: URL of the proxy; empty without.
    """

    verify: bool
    authorities: str
    proxy: str


@dataclass(frozen=True, slots=True)
class LowSpeed:
    """The speed below which a download is given up.

    Attributes:
        limit: Bytes a second; 0 for none.
        seconds: The time for which it has to be slower, in seconds.
    """

    limit: int = 100
    seconds: int = 60


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """Git's settings and the environment, asked for a URL.

    Attributes:
        settings: Git's settings, with lower-case keys.
        environment: Environment variables.
    """

    settings: Mapping[str, str]
    environment: Mapping[str, str]

    def tls(self, url: str) -> Tls:
        """Settings of connections to a URL."""
        verify = self._value("sslverify", url)
        environment = self.environment
        return Tls(
            verify="GIT_SSL_NO_VERIFY" not in environment and (verify or "true").lower() not in _FALSE,
            authorities=environment.get("GIT_SSL_CAINFO")
            or os.path.expanduser(self._value("sslcainfo", url) or ""),
            proxy=self._proxy(url),
        )

    def low_speed(self, url: str) -> LowSpeed:
        """The speed below which a download from a URL is given up."""
        found = LowSpeed()
        limit = self._number("GIT_HTTP_LOW_SPEED_LIMIT", "lowspeedlimit", url, found.limit)
        seconds = self._number("GIT_HTTP_LOW_SPEED_TIME", "lowspeedtime", url, found.seconds)
        return LowSpeed(limit, seconds) if limit > 0 and seconds > 0 else LowSpeed(0)

    def headers(self, url: str, own: bool) -> dict[str, str]:
        """Headers from settings that fit a URL.

        Of several values of one header, those of the most specific setting count, joined by commas. An empty
        setting drops those before it.

        Args:
            url: The URL.
            own: Whether the URL belongs to the Git LFS server itself. Other servers get only headers that are
                set for their URLs, because a header may be a password.

        Raises:
            TransferError: A value can't be sent.
        """
        best, found = _ANYWHERE, dict[str, tuple[_Rank, str, list[str]]]()
        for rank, value in self._matching("extraheader", url, everywhere=own):
            if rank < best:
                # Git ignores a setting that fits worse than one before it.
                continue
            best = rank
            if not _SENDABLE.fullmatch(value):
                # The value itself may be a password.
                raise TransferError("a value of http.extraHeader has characters that no header may have")
            name, colon, content = (part.strip() for part in value.partition(":"))
            before = found.get(name.lower())
            if not value:
                found.clear()
            elif colon and before and before[0] == rank:
                before[2].append(content)
            elif colon:
                found[name.lower()] = rank, name, [content]
        return {name: ", ".join(contents) for _, name, contents in found.values()}

    def _number(self, variable: str, name: str, url: str, default: int) -> int:
        """A number of the environment or a setting; the default if there's none, or it's no number."""
        text = self.environment.get(variable) or self._value(name, url) or ""
        match = _NUMBER.fullmatch(text.strip())
        return int(match[1]) * _UNITS[match[2].lower()] if match else default

    def _value(self, name: str, url: str) -> str | None:
        best, found = _ANYWHERE, None
        for rank, value in self._matching(name, url):
            if rank >= best:
                best, found = rank, value
        return found

    def _matching(self, name: str, url: str, everywhere: bool = True) -> Iterator[tuple[_Rank, str]]:
        """Values of a setting for a URL with their ranks, in Git's order.

        Args:
            name: The last part of the setting's name.
            url: The URL.
            everywhere: Whether settings for every URL count.
        """
        for key, value in all_pairs(self.settings):
            if key == f"http.{name}" and everywhere:
                yield _ANYWHERE, value
            elif key.startswith("http.") and key.endswith(f".{name}"):
                rank = _match(key[len("http.") : -len(name) - 1], url)
                if rank:
                    yield rank, value

    def _proxy(self, url: str) -> str:
        parts = urlsplit(url)
        proxy = self._value("proxy", url)
        if proxy is None:
            # HTTP_PROXY in capitals may come from the header `Proxy` of a request to a CGI script, so curl
            # doesn't read it either.
            names = [
                f"{parts.scheme}_proxy",
                "HTTPS_PROXY" * (parts.scheme == "https"),
                "all_proxy",
                "ALL_PROXY",
            ]
            proxy = "" if self._is_direct(parts.hostname or "") else self._variable(*names)
        return proxy if not proxy or "://" in proxy else f"http://{proxy}"

    def _is_direct(self, host: str) -> bool:
        """Whether `no_proxy` names a host or a domain of the host."""
        names = [
            name.strip().lstrip(".").lower() for name in self._variable("no_proxy", "NO_PROXY").split(",")
        ]
        return any(name == "*" or host == name or host.endswith(f".{name}") for name in names if name)

    def _variable(self, *names: str) -> str:
        return next((value for name in names if (value := self.environment.get(name))), "")


def _match(pattern: str, url: str) -> _Rank | None:
    """Rank of a URL in a setting's name, as Git ranks it; `None` if the URL doesn't fit."""
    try:
        wanted, given = urlsplit(pattern), urlsplit(url)
        (scheme, host, port), (given_scheme, given_host, given_port) = server_of(wanted), server_of(given)
    except ValueError:
        return None
    if not host or (scheme, port) != (given_scheme, given_port):
        return None
    # A star matches one label of the host name.
    labels, given_labels = host.split("."), given_host.split(".")
    if len(labels) != len(given_labels):
        return None
    if any(label not in ("*", other) for label, other in zip(labels, given_labels, strict=True)):
        return None
    path, given_path = wanted.path.rstrip("/") + "/", given.path.rstrip("/") + "/"
    if not given_path.startswith(path) or (wanted.username and wanted.username != given.username):
        return None
    return len(host.replace("*", "")), len(path), int(bool(wanted.username))
