"""Places of objects by host or bucket: these are what a user trusts, and no single URLs."""

from __future__ import annotations

from urllib.parse import urlsplit

from git_theta.store.git_urls import local_path
from git_theta.store.ssh_address import SSH_SCHEMES, ssh_address
from git_theta.store.urls import server_of, url_scheme


def place_of(url: str) -> str:
    """The host or bucket of a URL, without path and user: `https://host:8080`, `ssh://host`, `s3://bucket`.

    A path on this machine has none. The query of a bucket's URL is kept, since it may name another host.

    Raises:
        ValueError: The URL isn't valid.
    """
    if local_path(url) is not None:
        return ""
    scheme = url_scheme(url)
    if not scheme or scheme in SSH_SCHEMES:
        address = ssh_address(url)
        if address is None:
            raise ValueError(f"{url!r} isn't the address of a host")
        port = "" if address.port in (None, 22) else f":{address.port}"
        return f"ssh://{_bracketed(address.host.rpartition('@')[2].lower())}{port}"
    parts = urlsplit(url)
    if scheme in ("http", "https"):
        _, host, port_number = server_of(parts)
        usual = port_number == {"http": 80, "https": 443}[scheme]
        return f"{scheme}://{_bracketed(host)}" + ("" if usual else f":{port_number}")
    query = f"?{parts.query}" if parts.query else ""
    return f"{scheme}://{parts.netloc.rpartition('@')[2]}{query}"


def is_own_place(url: str, git_url: str) -> bool:
    """Whether a place of objects is on the host that the remote's Git repository is on.

    Another port is another place, since any user of a machine can open one. So is a step from HTTPS or SSH
    down to HTTP, and a URL with a user name, whose account may be anybody's.

    Args:
        url: URL of the place of objects.
        git_url: URL that Git itself pushes to or fetches from.
    """
    try:
        place, own = place_of(url), place_of(git_url)
    except ValueError:
        return False
    if place == own:
        return not url_scheme(url).startswith("http") or "@" not in urlsplit(url).netloc
    # The usual port of HTTPS belongs to whoever runs the host.
    return place.startswith("https://") and "@" not in urlsplit(url).netloc and place == _https(own)


def _https(place: str) -> str:
    """The server that serves HTTPS on a host at the usual port; empty without a host."""
    scheme, _, server = place.partition("://")
    if scheme not in ("http", "https", "ssh", "git"):
        return ""
    host = server.partition("]")[0] + "]" if server.startswith("[") else server.partition(":")[0]
    return f"https://{host}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
