"""Whether `git push` sends objects, and a reminder where it doesn't."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from git_theta.errors import GitError
from git_theta.git.install.hooks import CONFIGURED, sends_objects
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note
from git_theta.git.repository.repository import Repository

#: Seconds after which a user is reminded again.
_DAY = 86400.0

_LINE = 'git theta hook pre-push "$@"'


def unprotected(repository: Repository) -> str:
    """Why `git push` doesn't send objects, and what to do, on one line; empty if it does.

    It's empty as well where the user wants no hooks (`theta.hooks`).
    """
    folder = repository.hooks_dir
    hook = folder / "pre-push"
    sends, runs = sends_objects(folder), os.access(hook, os.X_OK)
    if not repository.settings.hooks or (sends and runs) or is_configured(repository.git):
        return ""
    shared = is_shared(repository)
    shown = os.path.relpath(folder, repository.root) if shared else str(folder)
    why = f"Git's hooks are in {shown} (core.hooksPath), without git-theta"
    if sends:
        why = f"{shown}/pre-push isn't there or isn't executable"
        todo = "install the hooks of this repository again, as `npm install` does for husky"
    elif shared:
        todo = "run: git theta install --hooks"
    else:
        if folder.resolve() == (repository.common_dir / "hooks").resolve():
            why = f"{hook} is another program's"
        todo = f"add to pre-push there: {_LINE}  (or run `git theta push` before each push)"
    return f"`git push` won't send the objects of checkpoints: {why}; {todo}"


def is_shared(repository: Repository) -> bool:
    """Whether hooks are in a folder of the work tree, which the team shares and may add to."""
    with suppress(GitError):
        root, folder = repository.root.resolve(), repository.hooks_dir.resolve()
        return folder.is_relative_to(root) and not folder.is_relative_to(repository.common_dir)
    return False


def is_configured(git: Git) -> bool:
    """Whether Git runs our hook because its settings say so; Git before 2.54 can't."""
    with suppress(GitError):
        return CONFIGURED in git.line("hook", "list", "pre-push").splitlines()
    return False


def remind(repository: Repository) -> None:
    """Tell the user, at most once a day, that `git push` doesn't send objects."""
    if text := unprotected(repository):
        tell_daily(repository, "reminded", text)


def tell_daily(repository: Repository, topic: str, text: str) -> None:
    """Tell the user something, at most once a day.

    Args:
        repository: The repository.
        topic: The name of the file that keeps what was told.
        text: What to tell.
    """
    if not _was_told(repository.common_dir / "theta" / topic, text):
        note(text)


def _was_told(record: Path, text: str) -> bool:
    """Whether the user was told the same in the last day; from now on, yes."""
    with suppress(OSError, UnicodeDecodeError):
        if record.read_text() == text and time.time() - record.stat().st_mtime < _DAY:
            return True
    with suppress(OSError):
        record.parent.mkdir(exist_ok=True)
        record.write_text(text)
    return False
