"""The remote at a URL. Which class serves a URL is decided by its scheme; packages can add schemes."""

from __future__ import annotations

from functools import cache, partial

from git_theta.errors import PluginError
from git_theta.registry import Registry
from git_theta.store.git_urls import local_path
from git_theta.store.plugin_remote import PluginRemote
from git_theta.store.remote import Remote, RemoteContext, RemoteKind, TransferError
from git_theta.store.ssh_address import SSH_SCHEMES, ssh_address
from git_theta.store.urls import BUCKET_SCHEMES, url_scheme, without_password


@cache
def registry() -> Registry[RemoteKind]:
    """The kinds of remote, by URL scheme."""
    builtins = dict.fromkeys(("http", "https"), "git_theta.store.lfs.client:LfsKind")
    builtins |= dict.fromkeys(BUCKET_SCHEMES, "git_theta.store.bucket:BucketKind")
    builtins |= dict.fromkeys(SSH_SCHEMES, "git_theta.store.ssh:SshKind")
    builtins["file"] = "git_theta.store.folder:FolderKind"
    return Registry("remote", "git_theta.remotes", RemoteKind, builtins)


def open_url(url: str, context: RemoteContext) -> Remote:
    """The remote at a URL.

    Args:
        url: A URL of any scheme of `registry`; or a path, or `host:path` for SSH, as Git has them.
        context: Settings, environment and credentials.

    Raises:
        TransferError: No kind of remote has the scheme, or the URL isn't valid.
    """
    scheme, kinds = url_scheme(url) or _scheme_of_path(url), registry()
    guard = partial(kinds.guard, scheme)
    try:
        kind = kinds.get(scheme)
        with guard():
            remote = kind.open(url, context)
    except PluginError as error:
        raise TransferError(
            f"{without_password(url)} can't be opened: {error.message}", error.hint
        ) from error
    return remote if kinds.origin(scheme).builtin else PluginRemote(remote, guard)


def _scheme_of_path(url: str) -> str:
    """The scheme of a URL that has none: a folder, unless Git takes it for SSH's `host:path`."""
    return "ssh" if local_path(url) is None and ssh_address(url) else "file"
