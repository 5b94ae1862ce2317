"""URLs as Git reads them: the settings that change them, and which of them are paths on this machine."""

from __future__ import annotations

from urllib.parse import unquote

from git_theta.runtime.gitconfig import all_pairs, all_values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE = "file://"


def local_path(url: str) -> str | None:
    """The path that Git takes a URL for; `None` for all URLs but `file://…`, and for `host:path`.

    As for Git, a colon before the first slash makes a text the address of another host, whatever is in the
    current folder: that may have been written by a stranger.
    """
    if url.startswith(_FILE):
        path = unquote(url.removeprefix(_FILE), errors="surrogateescape")
        # Git takes a host for the first folder.
        return path if path.startswith("/") else f"//{path}"
    return None if ":" in url.partition("/")[0] else url


def git_url(settings: Mapping[str, str], remote: str, operation: str) -> str:
    """The URL that Git itself pushes to first or fetches from, rewritten by `url.<base>.insteadOf`.

    Args:
        settings: Git's settings, with lower-case keys.
        remote: Name of a remote, or its URL.
        operation: `upload` or `download`.
    """
    upload = operation == "upload"
    if upload and (pushurls := all_values(settings, f"remote.{remote}.pushurl")):
        # Git uses `pushInsteadOf` only where no URL is given for pushing.
        return rewritten(pushurls[0], settings, push=False)
    urls = all_values(settings, f"remote.{remote}.url") or [remote]
    return rewritten(urls[0], settings, push=upload)


def rewritten(url: str, settings: Mapping[str, str], push: bool) -> str:
    """A URL rewritten by `url.<base>.insteadOf`, and `pushInsteadOf` for a push: the longest match wins."""
    for name in (".pushinsteadof", ".insteadof") if push else (".insteadof",):
        matches = [
            (value, key[len("url.") : -len(name)])
            for key, value in all_pairs(settings)
            if key.startswith("url.") and key.endswith(name) and value and url.startswith(value)
        ]
        if matches:
            start, base = max(matches, key=lambda match: len(match[0]))
            return base + url[len(start) :]
    return url
