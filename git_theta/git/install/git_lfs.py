"""Git LFS beside git-theta, where our hook before a push kept it from installing its own hooks.

git-lfs installs its four hooks when it first runs in a repository, and none of them if it finds another
program's. Our hook before a push then runs git-lfs itself. The other three are git-lfs's own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from git_theta.errors import GitError
from git_theta.git.install.hook_files import runs_git_lfs, runs_theta
from git_theta.git.repository.repository import Repository

_PUSH = "pre-push"

#: Hooks that set the permissions of lockable files.
_OTHERS = ("post-checkout", "post-commit", "post-merge")


def lfs_folder(repository: Repository) -> Path:
    """The folder where git-lfs keeps its objects; it exists once git-lfs has handled a file here."""
    return repository.common_dir / (repository.git.config("lfs.storage") or "lfs")


def keeps_out_git_lfs(repository: Repository) -> bool:
    """Whether git-lfs handles files of the repository, and isn't run before a push, as our hook is there."""
    folder = repository.hooks_dir
    return _handles_files(repository) and runs_theta(folder, _PUSH) and not runs_git_lfs(folder, _PUSH)


def push_by_git_lfs(name: str, url: str, lines: Sequence[str], *, dry_run: bool) -> int:
    """Have git-lfs send its objects, as by its own hook; returns its exit code.

    Args:
        name: The remote's name.
        url: The remote's URL.
        lines: A line for each ref, as in a hook's input.
        dry_run: Whether git-lfs only says what it would send.

    Raises:
        GitError: git-lfs isn't installed.
    """
    import shutil

    if not shutil.which("git-lfs"):
        raise GitError(
            "git-lfs has files of this repository, and it isn't on PATH",
            "install it, so that the push sends their objects; or, if no commit needs them, "
            "remove its settings: git config --global --remove-section filter.lfs",
        )
    command = ["git", "lfs", _PUSH, *(["--dry-run"] if dry_run else []), name, url]
    text = "".join(line.rstrip("\n") + "\n" for line in lines)
    return subprocess.run(command, input=os.fsencode(text), check=False).returncode


def lacks_git_lfs_hooks(repository: Repository) -> bool:
    """Whether git-lfs can't install its hooks in the repository's own folder because of ours."""
    return (
        _handles_files(repository)
        and repository.has_own_hooks
        and runs_theta(repository.hooks_dir, _PUSH)
        and not all(os.path.lexists(repository.hooks_dir / name) for name in _OTHERS)
    )


def install_git_lfs_hooks(repository: Repository) -> None:
    """Have git-lfs write its hooks, and put them where there are none; nothing is done if git-lfs can't."""
    import tempfile

    folder = repository.hooks_dir
    with suppress(OSError), tempfile.TemporaryDirectory(dir=folder) as temporary:
        # git-lfs has to find the folder empty.
        if repository.git.ok("-c", f"core.hooksPath={temporary}", "lfs", "update"):
            for path in Path(temporary).iterdir():
                with suppress(FileExistsError):
                    os.link(path, folder / path.name)


def _handles_files(repository: Repository) -> bool:
    """Whether git-lfs is the filter of files that were in the work tree."""
    return lfs_folder(repository).is_dir() and any(
        repository.git.config(f"filter.lfs.{key}") for key in ("process", "clean")
    )
