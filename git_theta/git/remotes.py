"""Which place holds the objects of a Git remote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from git_theta.git.repository import Repository
from git_theta.store.places import remote_at, shared_mode
from git_theta.store.remote import Remote, TransferError
from git_theta.store.ssh import ssh_command


def remote_of(repository: Repository, name: str, operation: str) -> Remote:
    """The place of a remote's objects.

    Args:
        repository: The repository.
        name: A remote's name, or a URL or path that Git would take instead.
        operation: `upload` or `download`.

    Raises:
        TransferError: Objects can't be in a place of this kind.
    """
    settings = repository.git.settings
    # Git takes a relative path from the top of the work tree.
    top = repository.common_dir.parent if repository.common_dir.name == ".git" else repository.common_dir
    return remote_at(
        repository.git.config(f"theta.remote.{name}.url") or url_of(repository, name, operation),
        _lfs_server,
        ssh_command(settings, os.environ),
        os.environ,
        top,
        shared_mode(settings.get("core.sharedrepository", "")),
    )


def url_of(repository: Repository, name: str, operation: str) -> str:
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


@contextmanager
def opened(remote: Remote) -> Iterator[Remote]:
    """Use a remote, and close its connections at the end if it has any."""
    try:
        yield remote
    finally:
        close = getattr(remote, "close", None)
        if close:
            close()


def _lfs_server(url: str) -> Remote:
    raise TransferError(
        f"objects can't be taken to {url} yet: this version has no LFS servers",
        "say where they belong (s3://…, ssh://…, a folder): git config theta.remote.NAME.url URL",
    )
