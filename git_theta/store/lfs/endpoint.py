"""The address of a remote's Git LFS server, found as git-lfs finds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from git_theta.errors import UsageError
from git_theta.store.git_urls import git_url, rewritten
from git_theta.store.ssh_address import SSH_SCHEMES, SshAddress, ssh_address
from git_theta.store.urls import url_scheme, without_password

Operation = Literal["upload", "download"]

#: Settings that a repository's own `.lfsconfig` may have: anyone who can push can write that file.
_SAFE = re.compile(r"lfs\.(url|pushurl|gitprotocol)|remote\..+\.lfsurl")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Git LFS server.

    Attributes:
        url: URL of the API, without a slash at the end; it may contain a user and a password.
        ssh: Repository whose host gives access by SSH, maybe with another URL; `None` without SSH.
        source: The URL by which the server was found: the repository's, or that of a setting.
        tracked: Whether the setting is one of the repository's own `.lfsconfig`.
    """

    url: str
    ssh: SshAddress | None = None
    source: str = field(default="", compare=False)
    tracked: bool = field(default=False, compare=False)

    @property
    def first_contact(self) -> str:
        """A URL of the host that is contacted first."""
        return self.source if self.ssh else self.url


def find_endpoint(
    settings: Mapping[str, str], lfsconfig: Mapping[str, str], remote: str, operation: Operation
) -> Endpoint | None:
    """The server of a remote; `None` for a folder, and for a scheme that LFS doesn't know.

    Args:
        settings: Git's settings, with lower-case keys.
        lfsconfig: Settings in the repository's `.lfsconfig`, of which only safe ones are used.
        remote: Name of a remote, or its URL.
        operation: `upload` or `download`.

    Raises:
        UsageError: The URL that settings name isn't valid.
    """
    if named := named_endpoint(settings, lfsconfig, remote, operation):
        return named
    merged = _merged(settings, lfsconfig)
    clone = git_url(settings, remote, operation)
    try:
        found = _as_server(clone, _git_protocol(merged))
    except ValueError:
        return None
    return Endpoint(_with_api_path(found.url), found.ssh, clone) if found else None


def named_endpoint(
    settings: Mapping[str, str], lfsconfig: Mapping[str, str], remote: str, operation: Operation
) -> Endpoint | None:
    """The server that settings name for a remote; `None` without. See `find_endpoint` for the arguments.

    Raises:
        UsageError: The URL isn't valid.
    """
    merged = _merged(settings, lfsconfig)
    upload = operation == "upload"
    keys = ["lfs.pushurl", "lfs.url", f"remote.{remote}.lfspushurl", f"remote.{remote}.lfsurl"]
    if not upload:
        keys = keys[1::2]
    key = next((key for key in keys if merged.get(key)), None)
    if key is None:
        return None
    url = rewritten(merged[key], settings, push=upload)
    try:
        found = _as_server(url, _git_protocol(merged))
    except ValueError as error:
        raise UsageError(f"{key} is {without_password(url)}, which isn't a valid URL") from error
    return replace(found, source=url, tracked=key not in settings) if found else None


def _merged(settings: Mapping[str, str], lfsconfig: Mapping[str, str]) -> dict[str, str]:
    return {**{key: value for key, value in lfsconfig.items() if _SAFE.fullmatch(key)}, **settings}


def _git_protocol(merged: Mapping[str, str]) -> str:
    """The scheme of the server of a `git://` URL; any other text would change the host."""
    return "http" if merged.get("lfs.gitprotocol") == "http" else "https"


def _as_server(url: str, git_protocol: str) -> Endpoint | None:
    scheme = url_scheme(url)
    if not scheme:
        return _from_scp(url)
    parts = urlsplit(url)
    _ = parts.port  # Reading the port checks it.
    if not parts.hostname:
        return None
    if scheme in ("http", "https"):
        return Endpoint(urlunsplit((scheme, parts.netloc, parts.path.rstrip("/"), parts.query, "")))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if scheme in SSH_SCHEMES:
        return Endpoint(f"https://{host}{parts.path.rstrip('/')}", ssh_address(url))
    if scheme == "git":
        return Endpoint(f"{git_protocol}://{host}{parts.path.rstrip('/')}")
    return None


def _from_scp(url: str) -> Endpoint | None:
    address = ssh_address(url)
    if address is None:
        return None
    host = address.host.rpartition("@")[2]
    host = f"[{host}]" if ":" in host else host
    return Endpoint(f"https://{host}/{address.path.strip('/')}", address)


def _with_api_path(url: str) -> str:
    return f"{url}/info/lfs" if url.endswith(".git") else f"{url}.git/info/lfs"
