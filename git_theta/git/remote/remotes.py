"""Which place holds the objects of a Git remote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from git_theta.errors import GitError, ThetaError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.credentials import GitCredentials
from git_theta.git.plumbing.notices import note_daily
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_config import bucket_url, lfs_settings
from git_theta.store.folder import FolderRemote
from git_theta.store.lfs.endpoint import Endpoint, Operation, find_endpoint, git_url, named_endpoint
from git_theta.store.lfs.http_settings import without_password
from git_theta.store.remote import Remote, TransferError
from git_theta.store.remote_factory import in_repository, objects_folder, remote_at, shared_mode
from git_theta.store.ssh import ssh_command

if TYPE_CHECKING:
    from git_theta.store.lfs.client import LfsRemote


def open_remote(
    repository: Repository, name: str, operation: Operation, ref: str | None = None, url: str = ""
) -> Remote:
    """The place of a remote's objects.

    That's `theta.remote.NAME.url` if it is set, else the bucket that `.theta/config.toml` names, else the Git
    LFS server that git-lfs would take, else the repository itself.

    Args:
        repository: The repository.
        name: A remote's name, or a URL or path that Git would take instead.
        operation: `upload` or `download`.
        ref: The full name of the only ref that's pushed, for servers that check the right to it.
        url: Which of the remote's URLs, if it has several: Git pushes to one after another. Settings by the
            remote's name hold for all of them.

    Raises:
        TransferError: Objects can't be in a place of this kind.
        UsageError: A tracked file of settings isn't valid.
    """
    settings = repository.git.settings
    own = _own_url(repository, name)
    if not own:
        _tell_of_strays(repository, name)
        if server := _lfs_server(repository, name, operation, ref, url):
            return server
    url = own or url or git_url_of(repository, name, operation)
    remote = remote_at(
        url,
        lambda url: _client(repository, Endpoint(url.rstrip("/")), ref),
        ssh_command(settings, os.environ),
        os.environ,
        _top(repository),
        shared_mode(settings.get("core.sharedrepository", "")),
    )
    beside = operation == "upload" and not own and isinstance(remote, FolderRemote)
    if beside and not in_repository(Path(remote.url)):
        # Once there is one, nobody looks for objects in this place.
        raise TransferError(f"{url} isn't a Git repository", "check the URL: git remote -v")
    return remote


def git_url_of(repository: Repository, name: str, operation: Operation) -> str:
    """Where Git pushes to first or fetches from, also for what's no remote's name but a URL or a path."""
    return git_url(repository.git.settings, name, operation)


def push_url(git: Git, name: str, url: str) -> str:
    """The URL that Git pushes to, if the remote has several; see `open_remote`."""
    several = git.values(f"remote.{name}.pushurl") or git.values(f"remote.{name}.url")
    return url if len(several) > 1 else ""


def describe_location(repository: Repository, name: str, operation: Operation) -> str:
    """Where a remote's objects are, to be shown: without passwords. Nobody is asked."""
    if own := _own_url(repository, name):
        return _shown(own)
    endpoint, is_sure = _endpoint(repository, name, operation)
    if endpoint is None:
        path = git_url_of(repository, name, operation).removeprefix("file://")
        if "://" in path:
            return _shown(path)
        return str(objects_folder(_top(repository) / Path(path).expanduser()))
    how = f" (by SSH, from {endpoint.ssh.host})" if endpoint.ssh else ""
    return _shown(endpoint.url) + how + ("" if is_sure else ", or the repository itself without Git LFS")


def orphaned_settings(git: Git) -> list[str]:
    """Names that the repository has settings `theta.remote.NAME.url` for, but no remote of Git.

    That's what `git remote rename` leaves behind.
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


def orphan_notice(stray: str, name: str = "NEW") -> str:
    """What to tell about one of `orphaned_settings`, where another remote may be meant."""
    return (
        f"theta.remote.{stray}.url is set, but there's no remote {stray}; if it was renamed: "
        f"git config --rename-section theta.remote.{stray} theta.remote.{name}"
    )


def fetch_remotes(repository: Repository) -> list[str]:
    """Remotes to fetch from, the most likely first: that of the branch, `origin`, the others."""
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
    """A remote that the user named, or its URL or path; without any, the first of `fetch_remotes`, or "".

    Raises:
        UsageError: There's no such remote, and it can't be a URL or a path.
    """
    known = fetch_remotes(repository)
    own = f"theta.remote.{name}.url" in repository.git.settings
    if name and name not in known and not own and not {"/", ":"} & set(name):
        raise UsageError(f"there's no remote {name!r}", "`git remote` lists them")
    return name or next(iter(known), "")


@contextmanager
def connected(remote: Remote) -> Iterator[Remote]:
    """Use a remote, and close its connections at the end if it has any."""
    try:
        yield remote
    finally:
        close = getattr(remote, "close", None)
        if close:
            close()


def _own_url(repository: Repository, name: str) -> str:
    """What settings of ours say; empty if they say nothing."""
    return repository.git.config(f"theta.remote.{name}.url") or bucket_url(repository)


def _top(repository: Repository) -> Path:
    """The folder that Git takes a relative path from: the top of the main work tree."""
    if repository.git_dir == repository.common_dir:
        # Settings may have put it anywhere.
        with suppress(GitError):
            return repository.root
    folder = repository.common_dir
    return folder.parent if folder.name == ".git" else folder


def _shown(url: str) -> str:
    return without_password(url) if "://" in url else url


def _tell_of_strays(repository: Repository, name: str) -> None:
    """Say so if objects may go to another place than they did before the remote was renamed."""
    if f"remote.{name}.url" in repository.git.settings and (found := orphaned_settings(repository.git)):
        note_daily(repository.common_dir / "theta" / "strays", orphan_notice(found[0], name))


def _endpoint(
    repository: Repository, name: str, operation: Operation, url: str = ""
) -> tuple[Endpoint | None, bool]:
    """The Git LFS server of a remote, if it has one, and whether that's known for sure; see `open_remote`."""
    settings, config = repository.git.settings, lfs_settings(repository)
    if chosen_remote := named_endpoint(settings, config, name, operation):
        return chosen_remote, True
    # What looks like `host:path` may be a folder, for Git too.
    if (_top(repository) / (url or git_url_of(repository, name, operation))).exists():
        return None, True
    found = find_endpoint(settings, config, url or name, operation)
    return found, not (found and found.ssh)


def _lfs_server(
    repository: Repository, name: str, operation: Operation, ref: str | None, url: str
) -> LfsRemote | None:
    """The Git LFS server of a remote, unless it has none; see `open_remote`."""
    endpoint, is_sure = _endpoint(repository, name, operation, url)
    if endpoint is None:
        return None
    client = _client(repository, endpoint, ref)
    if not is_sure:
        from git_theta.store.lfs.ssh_auth import NoLfsError

        try:
            client.admit(operation)
        except NoLfsError:
            return None
        except ThetaError:
            # The transfer asks again, as often as it's worth it.
            pass
    return client


def _client(repository: Repository, endpoint: Endpoint, ref: str | None) -> LfsRemote:
    from git_theta.store.lfs.client import LfsRemote

    return LfsRemote(endpoint, repository.git.settings, GitCredentials(repository.git), os.environ, ref)
