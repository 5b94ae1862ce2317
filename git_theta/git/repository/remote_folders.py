"""Remotes that are folders on this machine: the paths that Git takes their URLs for."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.store.git_urls import git_url, local_path


@dataclass(frozen=True)
class RemoteFolders:
    """The folders of a repository's remotes.

    Attributes:
        git: Git in the repository.
        git_dir: Git's folder of this work tree.
        common_dir: Git's folder that all work trees share.
    """

    git: Git
    git_dir: Path
    common_dir: Path

    @cached_property
    def base(self) -> Path:
        """The folder that a relative path starts from: the top of the main work tree."""
        if self.git_dir == self.common_dir:
            # `core.worktree` may have put the work tree anywhere.
            with suppress(GitError):
                return Path(self.git.line("rev-parse", "--show-toplevel"))
        return self.common_dir.parent if self.common_dir.name == ".git" else self.common_dir

    def folder(self, url: str) -> Path | None:
        """The folder that Git takes a URL for; `None` for a URL that leads to another host.

        Args:
            url: The URL, as Git's settings have rewritten it.

        Raises:
            UsageError: The path isn't valid, or is in a work tree of this repository: a commit from a
                stranger can put a folder there, or a link to any other.
        """
        path = local_path(url)
        if path is None:
            return None
        if "\0" in path:
            raise UsageError(f"the URL {url} has a zero byte")
        expanded = Path(os.path.expanduser(path))
        folder = expanded if expanded.is_absolute() else self.base / expanded
        if self._is_in_work_tree(folder):
            raise UsageError(
                f"{url} is in the work tree of this repository, where a commit can put anything in its place",
                "move it out of there; or name it as the place of a remote's objects: "
                f"git config theta.remote.NAME.url {url}",
            )
        return folder

    def __iter__(self) -> Iterator[Path]:
        """The folders of all remotes that are on this machine."""
        settings = self.git.settings
        for key in settings:
            if key.startswith("remote.") and key.endswith(".url"):
                name = key.removeprefix("remote.").removesuffix(".url")
                # Objects aren't looked for in a folder that isn't allowed; a fetch from it says why.
                with suppress(UsageError):
                    folder = self.folder(git_url(settings, name, "download"))
                    if folder is not None:
                        yield folder

    def _is_in_work_tree(self, folder: Path) -> bool:
        """Whether a folder is below the top of a work tree of the repository, and not in Git's own folder."""
        written = Path(os.path.abspath(folder))
        # A link elsewhere may lead to the work tree, and one in the work tree elsewhere.
        return any(map(self._has_top_above, {written, written.resolve()}))

    def _has_top_above(self, path: Path) -> bool:
        lines = {path, *path.parents}
        return any(self._is_top(parent) for parent in path.parents if parent / ".git" not in lines)

    def _is_top(self, folder: Path) -> bool:
        """Whether a folder is the top of a work tree of this repository, or of one of its submodules."""
        dot_git = folder / ".git"
        with suppress(OSError, ValueError):
            if dot_git.is_file():
                target = dot_git.read_text(errors="surrogateescape").removeprefix("gitdir:").strip()
                return (folder / target).resolve().is_relative_to(self.common_dir)
            return dot_git.resolve() == self.common_dir
        return False
