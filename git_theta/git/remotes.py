"""Which place holds the objects of a Git remote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from git_theta.errors import ThetaError, UsageError
from git_theta.git.command import Git, parse_config
from git_theta.git.credentials import GitCredentials
from git_theta.git.repository import Repository
from git_theta.store.folder import FolderRemote
from git_theta.store.lfs.endpoint import Endpoint, Operation, find_endpoint, named_endpoint
from git_theta.store.places import in_repository, remote_at, shared_mode
from git_theta.store.remote import Remote, TransferError
from git_theta.store.ssh import ssh_command

if TYPE_CHECKING:
    from git_theta.store.lfs.client import LfsRemote


def remote_of(repository: Repository, name: str, operation: Operation, ref: str | None = None) -> Remote:
    """The place of a remote's objects.

    That's `theta.remote.NAME.url` if it is set, else the Git LFS server that git-lfs would take, else the
    repository itself.

    Args:
        repository: The repository.
        name: A remote's name, or a URL or path that Git would take instead.
        operation: `upload` or `download`.
        ref: The full name of the only ref that's pushed, for servers that check the right to it.

    Raises:
        TransferError: Objects can't be in a place of this kind.
    """
    settings = repository.git.settings
    # Git takes a relative path from the top of the work tree.
    top = repository.common_dir.parent if repository.common_dir.name == ".git" else repository.common_dir
    own = settings.get(f"theta.remote.{name}.url")
    url = own or url_of(repository, name, operation)
    if not own and (server := _lfs_server(repository, name, operation, top / url, ref)):
        return server
    remote = remote_at(
        url,
        lambda url: _client(repository, Endpoint(url.rstrip("/")), ref),
        ssh_command(settings, os.environ),
        os.environ,
        top,
        shared_mode(settings.get("core.sharedrepository", "")),
    )
    beside = operation == "upload" and not own and isinstance(remote, FolderRemote)
    if beside and not in_repository(Path(remote.url)):
        # Once there is one, nobody looks for objects in this place.
        raise TransferError(f"{url} isn't a Git repository", "check the URL: git remote -v")
    return remote


def url_of(repository: Repository, name: str, operation: Operation) -> str:
    """Where Git pushes to or fetches from."""
    if f"remote.{name}.url" not in repository.git.settings:
        return name
    push = ["--push"] if operation == "upload" else []
    return repository.git.line("remote", "get-url", *push, name)


def sources(repository: Repository) -> list[str]:
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


def named(repository: Repository, name: str) -> str:
    """A remote that the user named, or the URL or path of one; without any, the first of `sources`, or "".

    Raises:
        UsageError: There's no such remote, and it can't be a URL or a path.
    """
    known = sources(repository)
    own = f"theta.remote.{name}.url" in repository.git.settings
    if name and name not in known and not own and not {"/", ":"} & set(name):
        raise UsageError(f"there's no remote {name!r}", "`git remote` lists them")
    return name or next(iter(known), "")


@contextmanager
def opened(remote: Remote) -> Iterator[Remote]:
    """Use a remote, and close its connections at the end if it has any."""
    try:
        yield remote
    finally:
        close = getattr(remote, "close", None)
        if close:
            close()


def _lfs_server(
    repository: Repository, name: str, operation: Operation, path: Path, ref: str | None
) -> LfsRemote | None:
    """The Git LFS server of a remote, unless it has none.

    Args:
        repository: The repository.
        name: The remote.
        operation: What for.
        path: The remote's URL, taken as a path.
        ref: See `remote_of`.
    """
    settings, config = repository.git.settings, _lfsconfig(repository.git)
    named = named_endpoint(settings, config, name, operation)
    endpoint = named or find_endpoint(settings, config, name, operation)
    # What looks like `host:path` may be a folder, for Git too.
    if endpoint is None or (not named and path.exists()):
        return None
    client = _client(repository, endpoint, ref)
    if endpoint.ssh and not named:
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


def _lfsconfig(git: Git) -> dict[str, str]:
    """Settings in `.lfsconfig`: that of the work tree, else of the index, else of HEAD, as git-lfs has it."""
    if git.ok("rev-parse", "--show-toplevel"):
        file = Path(git.line("rev-parse", "--show-toplevel"), ".lfsconfig")
        if file.is_file():
            return parse_config(git.run("config", "--list", "-z", "--file", str(file)))
    for blob in (":.lfsconfig", "HEAD:.lfsconfig"):
        if git.ok("cat-file", "-e", blob):
            return parse_config(git.run("config", "--list", "-z", "--blob", blob))
    return {}
