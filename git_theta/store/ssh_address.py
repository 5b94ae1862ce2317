"""Addresses of repositories that are reached by SSH: `ssh://user@host:port/path` and `user@host:path`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from git_theta.store.urls import url_scheme

#: Schemes of SSH in Git's URLs.
SSH_SCHEMES = ("ssh", "git+ssh", "ssh+git")

#: `user@host:path`; the host may be an IPv6 address in brackets. As for Git, a slash before the first colon
#: makes it a path, and two colons make it the address of a remote helper.
_SCP = re.compile(r"(?P<host>([^/:\[\]]*@)?(\[[^/\]]+\]|[^/:@\[\]]+)):(?!//|:)(?P<path>.+)")


@dataclass(frozen=True, slots=True)
class SshAddress:
    """A repository on a host that SSH reaches.

    Attributes:
        host: Host name, with `user@` before it if there's a user.
        port: Port; `None` for SSH's own choice.
        path: Path of the repository, as the host understands it: absolute, or from the home folder.
    """

    host: str
    port: int | None
    path: str


def ssh_address(url: str) -> SshAddress | None:
    """The address that a URL gives; `None` if the URL is of another kind.

    Raises:
        ValueError: The port isn't a number.
    """
    if url_scheme(url) in SSH_SCHEMES:
        parts = urlsplit(url)
        user = f"{unquote(parts.username)}@" if parts.username else ""
        path = unquote(parts.path)
        # `/~user/…` is how a URL writes a path from a home folder.
        path = path.removeprefix("/") if path.startswith("/~") else path
        return SshAddress(user + (parts.hostname or ""), parts.port, path)
    match = _SCP.fullmatch(url)
    if not match:
        return None
    return SshAddress(re.sub(r"[\[\]]", "", match["host"]), None, match["path"])
