"""The reason why `git push` doesn't send objects, and a daily reminder of it."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress

from git_theta.errors import GitError
from git_theta.git.install.hooks import CONFIGURED_HOOK, sends_objects
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import note, note_daily
from git_theta.git.repository.repository import Repository

_LINE = 'git theta hook pre-push "$@"'


def push_problem(repository: Repository) -> str:
    """The reason why `git push` doesn't send objects, with the next step, on one line; empty if it does.

    It's also empty if the user wants no hooks (`theta.hooks`).
    """
    folder = repository.hooks_dir
    hook = folder / "pre-push"
    sends, runs = sends_objects(folder), os.access(hook, os.X_OK)
    if not repository.settings.hooks or (sends and runs) or has_configured_hook(repository.git):
        return ""
    shared = has_shared_hooks(repository)
    own = repository.has_own_hooks
    shown = os.path.relpath(folder, repository.root) if shared else str(folder)
    why = f"Git's hooks are in {shown} (core.hooksPath), without git-theta"
    if sends:
        why = f"{shown}/pre-push isn't there or isn't executable"
        todo = "install the hooks of this repository again, as `npm install` does for husky"
    elif shared:
        todo = "run: git theta install --hooks"
    elif own and not os.path.lexists(hook):
        why, todo = f"{hook} isn't there", "run: git theta install"
    elif own and not runs:
        why, todo = f"{hook} isn't executable", f"run: chmod +x {shlex.quote(str(hook))}"
    else:
        why = f"{hook} is another program's" if own else why
        todo = f"add to pre-push there: {_LINE}  (or run `git theta push` before each push)"
    return f"`git push` won't send the objects of checkpoints: {why}; {todo}"


def has_shared_hooks(repository: Repository) -> bool:
    """Whether the hooks are in a folder of the work tree, which a team shares."""
    with suppress(GitError):
        root, folder = repository.root.resolve(), repository.hooks_dir.resolve()
        return folder.is_relative_to(root) and not folder.is_relative_to(repository.common_dir)
    return False


def has_configured_hook(git: Git) -> bool:
    """Whether Git runs our hook from its settings, as Git 2.54 and later can."""
    with suppress(GitError):
        return CONFIGURED_HOOK in git.line("hook", "list", "pre-push").splitlines()
    return False


def remind_of_push_problem(repository: Repository) -> None:
    """Print a notice, at most once a day, if `git push` doesn't send objects."""
    if text := push_problem(repository):
        note_daily(repository.common_dir / "theta" / "reminded", text)


def note_unsent_objects(repository: Repository) -> None:
    """Print a notice about the hook that was just installed, if pushes may have left out objects before."""
    if next(repository.store.list(), None) and not has_configured_hook(repository.git):
        note(
            "the hook pre-push was missing, or another program's in its place; it's installed again. "
            "If you pushed in the meantime, run: git theta push"
        )
