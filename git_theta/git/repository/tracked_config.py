"""Tracked settings: files at the top of a repository, which all its clones have."""

from __future__ import annotations

from collections.abc import Mapping

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.command import parse_config
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_file import read_settings_file
from git_theta.runtime.toml import parse_toml_file
from git_theta.settings import TRACKED_CONFIG
from git_theta.store.urls import is_bucket

#: The path of git-lfs's tracked settings, from the top of the work tree.
LFS_CONFIG = ".lfsconfig"

#: The command that reads settings from stdin. From there, Git would include other files, which a stranger may
#: name: any on this machine, also those that are secret, or don't end.
_LIST = ("config", "--list", "-z", "--no-includes", "--file", "-")


def lfs_settings(repository: Repository) -> Mapping[str, str]:
    """Settings in `.lfsconfig`.

    Raises:
        UsageError: The file isn't valid.
    """
    data = read_settings_file(repository, LFS_CONFIG)
    if not data:
        return {}
    try:
        return parse_config(repository.git.run(*_LIST, stdin=data))
    except GitError as error:
        raise UsageError(f"{LFS_CONFIG} isn't valid: {error.message}") from error


def bucket_url(repository: Repository) -> str:
    """The bucket that `.theta/config.toml` names for objects, or an empty string.

    Only buckets can be named: a stranger's repository must not lead to files of this machine, or make it
    connect to a host by SSH.

    Raises:
        UsageError: The file isn't valid, or names another kind of remote.
    """
    data = read_settings_file(repository, TRACKED_CONFIG)
    if not data:
        return ""
    try:
        table = parse_toml_file(data).get("remote", {})
    except ValueError as error:
        raise UsageError(f"{TRACKED_CONFIG} isn't valid TOML: {error}") from error
    url = table.get("url", "") if isinstance(table, dict) else None
    if not isinstance(url, str) or (url and not is_bucket(url)):
        raise UsageError(
            f"{TRACKED_CONFIG}: only the URL of a bucket can be given, as url in the table [remote]",
            "for other places: git config theta.remote.NAME.url URL",
        )
    return url
