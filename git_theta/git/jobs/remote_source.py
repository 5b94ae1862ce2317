"""The remote that workers read a repository from, and the commits that it has."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.remotes import chosen_remote, git_url_of
from git_theta.git.remote.trusted_places import TRUSTED
from git_theta.git.repository.repository import Repository
from git_theta.store.urls import without_password

#: Characters of a commit's id that messages show.
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class RemoteSource:
    """A remote as workers are told about it.

    Attributes:
        url: Its URL, without passwords: workers have credentials of their own.
        settings: Keys and values of Git's settings that its objects depend on.
    """

    url: str
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def identity(self) -> str:
        """A name for the clones of it: 32 hexadecimal digits."""
        return hashlib.sha256(json.dumps([self.url, self.settings]).encode()).hexdigest()[:32]


def remote_source(repository: Repository, name: str = "") -> RemoteSource:
    """The remote from which workers read.

    Args:
        repository: The repository.
        name: The remote's name; by default, that of the branch, else `origin`.

    Raises:
        UsageError: There's no such remote, or none at all.
    """
    remote = chosen_remote(repository, name)
    if not remote:
        raise UsageError(
            "workers read the repository from a remote, and it has none",
            "git remote add origin URL, and push",
        )
    git = repository.git
    url = git_url_of(repository, remote, "download")
    folder = repository.remote_folders.folder(url)
    places = [(TRUSTED, value) for value in git.values(TRUSTED.lower())]
    own = git.config(f"theta.remote.{remote}.url")
    settings = [*places, *([("theta.remote.origin.url", without_user(own))] if own else [])]
    return RemoteSource(without_user(url) if folder is None else str(folder), tuple(settings))


def without_user(url: str) -> str:
    """A URL without a password; over HTTP without a user name, too, which may be a token."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in ("http", "https"):
            return without_password(url)
        if parts.password is not None:
            return urlunsplit(parts._replace(netloc=f"{parts.username}@{parts.netloc.rpartition('@')[2]}"))
    return url


def check_pushed(repository: Repository, commits: Iterable[str], name: str = "") -> None:
    """Check that a remote has commits, as far as its branches were fetched or pushed to.

    Args:
        repository: The repository.
        commits: Ids of commits.
        name: The remote's name; as for `remote_source`.

    Raises:
        UsageError: A commit is in none of its branches.
    """
    remote = chosen_remote(repository, name)
    for commit in dict.fromkeys(commits):
        if not repository.git.line(
            "for-each-ref", "--count=1", "--contains", commit, f"refs/remotes/{remote}/"
        ):
            raise UsageError(
                f"workers can't see commit {commit[:_SHOWN]}: it isn't in a branch of {remote}",
                f"git push {remote}; or git fetch {remote}, if it's there already",
            )


def check_committed(repository: Repository, named: Sequence[str]) -> None:
    """Check that files which commands may read are as in HEAD. Models and git-theta's own files don't count.

    Args:
        repository: The repository.
        named: Paths from the top, of files that a command names: these must be tracked, too.

    Raises:
        UsageError: A file isn't in HEAD, or differs from it.
    """
    git = Git(repository.root)
    tracked = _blobs(git)
    suspects = [os.fsdecode(name) for name in git.records("diff-index", "-z", "--name-only", "HEAD")]
    filters = attribute_values(git, "filter", suspects)
    for path in named:
        if path not in tracked:
            raise _unseen(path, "is in no commit")
    for path in suspects:
        is_ours = filters.get(path) == "theta" or path.startswith(".theta/")
        # Stats may differ where bytes don't.
        if not is_ours and (path not in tracked or tracked[path] != _blob_of(git, path)):
            raise _unseen(path, "differs from HEAD")


def _unseen(path: str, how: str) -> UsageError:
    return UsageError(
        f"workers can't see {path} as it is here: it {how}", "commit and push it, or undo the change"
    )


def _blobs(git: Git) -> dict[str, str]:
    """Path → id of the blob, of each file of HEAD."""
    found = {}
    for record in git.records("ls-tree", "-r", "-z", "--full-tree", "HEAD"):
        head, _, name = record.partition(b"\t")
        found[os.fsdecode(name)] = head.split(b" ")[2].decode()
    return found


def _blob_of(git: Git, path: str) -> str:
    """The id of a file of the work tree as a blob; empty if it isn't there."""
    try:
        return git.line("hash-object", "--", path)
    except GitError:
        return ""
