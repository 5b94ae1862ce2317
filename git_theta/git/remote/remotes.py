"""The place of a Git remote's objects: another URL, a bucket, a Git LFS server, or the repository itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from git_theta.errors import ThetaError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.credentials import GitCredentials
from git_theta.git.plumbing.notices import note_daily
from git_theta.git.remote.trusted_places import is_trusted, require_trusted, trust_command
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_config import LFS_CONFIG, bucket_url, lfs_settings
from git_theta.settings import TRACKED_CONFIG
from git_theta.store.folder import FolderRemote
from git_theta.store.git_urls import git_url
from git_theta.store.lfs.endpoint import Endpoint, Operation, find_endpoint, named_endpoint
from git_theta.store.places import is_own_place, place_of
from git_theta.store.remote import Remote, RemoteContext, TransferError
from git_theta.store.remote_factory import open_url
from git_theta.store.repository_folder import in_repository, objects_folder
from git_theta.store.urls import without_password

if TYPE_CHECKING:
    from git_theta.store.lfs.client import LfsRemote


def open_remote(
    repository: Repository, name: str, operation: Operation, ref: str | None = None, url: str = ""
) -> Remote:
    """The place of a Git remote's objects.

    It is `theta.remote.NAME.url` if that is set, else the bucket that `.theta/config.toml` names, else the
    Git LFS server that git-lfs would use, else the repository itself.

    Args:
        repository: The repository.
        name: Name of a remote, or a URL or path that Git would take instead.
        operation: `upload` or `download`.
        ref: Full name of the only ref that is pushed, for servers that restrict who pushes to it.
        url: The one of the remote's URLs that Git pushes to now, if there are several. Settings by the
            remote's name hold for all of them.

    Raises:
        TransferError: Objects can't be in a place of this kind.
        UsageError: A tracked file of settings isn't valid, or names a place that isn't trusted.
    """
    context = _context(repository, ref)
    if configured := repository.git.config(f"theta.remote.{name}.url"):
        return open_url(configured, context)
    git_url = url or git_url_of(repository, name, operation)
    if bucket := bucket_url(repository):
        require_trusted(repository, bucket, git_url, TRACKED_CONFIG)
        return open_url(bucket, context)
    _note_orphaned_setting(repository, name)
    if server := _lfs_server(repository, name, operation, url, context):
        return server
    url = git_url
    _ = repository.remote_folders.folder(url)  # This checks the path.
    remote = open_url(url, context)
    if operation == "upload" and isinstance(remote, FolderRemote) and not in_repository(Path(remote.url)):
        # Once there is a repository, no fetch looks for objects in the folder.
        raise TransferError(f"{url} isn't a Git repository", "check the URL: git remote -v")
    return remote


def foreign_place(remote: Remote, git_url: str, operation: Operation) -> str:
    """URL of the place of objects, as users see it; empty if it's on the remote's own host.

    Args:
        remote: The place. A Git LFS server that was found by SSH may have named another.
        git_url: URL that Git itself pushes to or fetches from.
        operation: `upload` or `download`.
    """
    api_url = getattr(remote, "api_url", None)
    url = api_url(operation) if api_url else remote.url
    return "" if is_own_place(url, git_url) else url


@contextmanager
def connected(remote: Remote) -> Iterator[Remote]:
    """Use a remote, and close its connections at the end if it keeps any."""
    try:
        yield remote
    finally:
        close = getattr(remote, "close", None)
        if close:
            close()


def describe_location(repository: Repository, name: str, operation: Operation) -> str:
    """The place of a remote's objects as text for the user, without passwords. No host is contacted."""
    if configured := repository.git.config(f"theta.remote.{name}.url"):
        return _shown(configured)
    url = git_url_of(repository, name, operation)
    if bucket := bucket_url(repository):
        return _shown(bucket) + _distrust(repository, bucket, url)
    endpoint, is_sure = _endpoint(repository, name, operation)
    if endpoint is None:
        folder = None
        with suppress(UsageError):
            folder = repository.remote_folders.folder(url)
        return _shown(url) if folder is None else str(objects_folder(folder))
    how = f" (by SSH, from {endpoint.ssh.host})" if endpoint.ssh else ""
    how += _distrust(repository, endpoint.first_contact, url) if endpoint.tracked else ""
    return _shown(endpoint.url) + how + ("" if is_sure else ", or the repository itself without Git LFS")


def _distrust(repository: Repository, place_url: str, git_url: str) -> str:
    """A remark on a place that a tracked file names, if it isn't used before the user trusts it."""
    with suppress(ValueError):
        place = place_of(place_url)
        if not is_own_place(place_url, git_url) and not is_trusted(repository, place):
            return f" (not used until you trust it: {trust_command(place)})"
    return ""


def git_url_of(repository: Repository, name: str, operation: Operation) -> str:
    """The first URL that Git pushes to or fetches from, given the name of a remote, a URL or a path."""
    return git_url(repository.git.settings, name, operation)


def push_url(git: Git, name: str, url: str) -> str:
    """The URL that Git pushes to if the remote has several, else an empty text; see `open_remote`."""
    several = git.values(f"remote.{name}.pushurl") or git.values(f"remote.{name}.url")
    return url if len(several) > 1 else ""


def fetch_remotes(repository: Repository) -> list[str]:
    """Names of remotes to fetch from, the likeliest first: that of the branch, `origin`, the others."""
    settings = repository.git.settings
    names = [
        key.removeprefix("remote.").removesuffix(".url")
        for key in settings
        if key.startswith("remote.") and key.endswith(".url")
    ]
    first = [settings.get("checkout.defaultremote", ""), "origin"]
    if repository.git.ok("symbolic-ref", "-q", "HEAD"):
        branch = repository.git.line("symbolic-ref", "-q", "--short", "HEAD")
        first.insert(0, settings.get(f"branch.{branch}.remote", ""))
    return list(dict.fromkeys([*(name for name in first if name in names), *names]))


def chosen_remote(repository: Repository, name: str) -> str:
    """The remote that the user named, by name, URL or path; without any, the first of `fetch_remotes`, or "".

    Raises:
        UsageError: There is no such remote, and the name can't be a URL or a path.
    """
    known = fetch_remotes(repository)
    configured = f"theta.remote.{name}.url" in repository.git.settings
    if name and name not in known and not configured and not {"/", ":"} & set(name):
        raise UsageError(f"there's no remote {name!r}", "`git remote` lists them")
    return name or next(iter(known), "")


def orphaned_settings(git: Git) -> list[str]:
    """Names in this repository's settings `theta.remote.NAME.url` that no Git remote has.

    `git remote rename` leaves such settings behind.
    """
    settings = git.settings
    keys = [key for key in settings if key.startswith("theta.remote.") and key.endswith(".url")]
    names = [key.removeprefix("theta.remote.").removesuffix(".url") for key in keys]
    return [
        name
        for name in names
        # A URL or a path may have the setting as well.
        if ":" not in name and not name.startswith(("/", "."))
        if not {f"remote.{name}.url", f"remote.{name}.pushurl"} & settings.keys()
        if git.ok("config", "--local", f"theta.remote.{name}.url")
    ]


def orphan_notice(orphan: str, name: str = "NEW") -> str:
    """The message about one of `orphaned_settings`, with the remote that the setting may be meant for."""
    return (
        f"theta.remote.{orphan}.url is set, but there's no remote {orphan}; if it was renamed: "
        f"git config --rename-section theta.remote.{orphan} theta.remote.{name}"
    )


def _context(repository: Repository, ref: str | None) -> RemoteContext:
    return RemoteContext(
        folder=repository.remote_folders.base,
        environment=os.environ,
        settings=repository.git.settings,
        credentials=GitCredentials(repository.git),
        ref=ref,
    )


def _shown(url: str) -> str:
    return without_password(url) if "://" in url else url


def _note_orphaned_setting(repository: Repository, name: str) -> None:
    """Tell the user if objects may go to another place than before, because the remote was renamed."""
    if f"remote.{name}.url" in repository.git.settings and (found := orphaned_settings(repository.git)):
        note_daily(repository.common_dir / "theta" / "strays", orphan_notice(found[0], name))


def _endpoint(
    repository: Repository, name: str, operation: Operation, url: str = ""
) -> tuple[Endpoint | None, bool]:
    """The Git LFS server that a remote may have, and whether it is known to exist; see `open_remote`."""
    settings, config = repository.git.settings, lfs_settings(repository)
    if named := named_endpoint(settings, config, name, operation):
        return named, True
    found = find_endpoint(settings, config, url or name, operation)
    return found, not (found and found.ssh)


def _lfs_server(
    repository: Repository, name: str, operation: Operation, url: str, context: RemoteContext
) -> LfsRemote | None:
    """The Git LFS server of a remote; `None` if it has none."""
    endpoint, is_sure = _endpoint(repository, name, operation, url)
    if endpoint is None:
        return None
    from git_theta.store.lfs.client import LfsRemote
    from git_theta.store.lfs.ssh_auth import NoLfsError

    git_url = url or git_url_of(repository, name, operation)
    if endpoint.tracked:
        require_trusted(repository, endpoint.first_contact, git_url, LFS_CONFIG)
    server = LfsRemote(
        endpoint,
        context.settings,
        context.credentials,
        context.environment,
        context.ref,
        # Git sends the headers of its settings to the remote's own server, and to nobody else.
        home=git_url if endpoint.tracked else endpoint.url,
    )
    if not is_sure:
        try:
            server.admit(operation)
        except NoLfsError:
            return None
        except ThetaError:
            # The transfer asks again, with retries.
            pass
    return server
