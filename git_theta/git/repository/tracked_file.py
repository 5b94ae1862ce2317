"""Files that a repository brings along: anybody who can push writes them, so they lead to no other file."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.repository.repository import Repository

#: The most bytes of a file of settings.
_MAX_BYTES = 1 << 20


def read_settings_file(repository: Repository, name: str) -> bytes | None:
    """A file of settings: of the work tree, else of the index, else of HEAD; `None` without.

    Args:
        repository: The repository, with or without a work tree.
        name: Path of the file from the top of the work tree.

    Raises:
        UsageError: The file is a link, is reached by one, can't be read, or is larger than 1 MiB.
    """
    top = _top(repository)
    if top is not None and os.path.lexists(top / name):
        if not _is_regular(top, name):
            raise UsageError(f"{name} isn't a regular file", "replace it: git restore, or git rm")
        try:
            with open(top / name, "rb") as file:
                data = file.read(_MAX_BYTES + 1)
        except OSError as error:
            raise UsageError(f"{name} can't be read: {error.strerror}") from error
        if len(data) > _MAX_BYTES:
            raise UsageError(f"{name} is larger than 1 MiB, which no file of settings is")
        return data
    with Blobs(repository.git.cwd) as blobs:
        return blobs.read(f":{name}", _MAX_BYTES) or blobs.read(f"HEAD:{name}", _MAX_BYTES)


def require_in_tree(repository: Repository, path: str) -> None:
    """Check that a path in tracked settings is that of a file in the repository's own tree.

    Args:
        repository: The repository, with Git at the top of its work tree if it has one.
        path: The path, from the top.

    Raises:
        UsageError: The path leads out of the tree, by `..` or a link for example, or no commit has the file.
    """
    hint = "for a file of your own: git config theta.mergeRule"
    if os.path.isabs(path) or ".." in path.split("/") or "\0" in path:
        raise UsageError(f"{path!r} is outside of the repository: tracked rules name files in its tree", hint)
    name = os.path.normpath(path)
    modes = _modes(repository, name)
    if not modes or not all(mode.startswith("100") for mode in modes):
        raise UsageError(f"{path!r} isn't a file that Git tracks, as tracked rules need it", hint)
    top = _top(repository)
    if top is not None and os.path.lexists(top / name) and not _is_regular(top, name):
        raise UsageError(f"{path!r} isn't a regular file in the work tree, as tracked rules need it", hint)


def _modes(repository: Repository, name: str) -> list[str]:
    """Modes of a file in the index, else in HEAD, such as `100644`."""
    listings = (
        ("ls-files", "-s", "-z", "--", f":(top,literal){name}"),
        ("ls-tree", "-z", "HEAD", "--", name),
    )
    for listing in listings:
        with suppress(GitError):
            lines = repository.git.line(*listing).split("\0")
            if found := [line.split()[0] for line in lines if line.partition("\t")[2] == name]:
                return found
    return []


def _top(repository: Repository) -> Path | None:
    with suppress(GitError):
        return repository.root
    return None


def _is_regular(top: Path, name: str) -> bool:
    """Whether a path is that of a regular file, below folders that are no links."""
    parts = Path(name).parts
    try:
        modes = [os.lstat(top.joinpath(*parts[:count])).st_mode for count in range(1, len(parts) + 1)]
    except OSError:
        return False
    return all(map(stat.S_ISDIR, modes[:-1])) and stat.S_ISREG(modes[-1])
