"""Hooks of other programs that run while Git's own process still waits for the filter.

A large checkpoint is written when that process has ended. A hook that runs before would see its manifest, so
Git then gets the bytes; or our own hook writes the files first.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from git_theta.errors import GitError
from git_theta.git.install.hook_files import needs_files, runs_theta
from git_theta.git.install.hooks import CONFIGURED_HOOK, WRITING
from git_theta.git.install.push_check import has_shared_hooks
from git_theta.git.install.shared_hooks import hook_file
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository

#: Hooks of each command that writes to the index.
_INDEX = ("post-index-change", "reference-transaction")

_CHECKOUT = (*_INDEX, "post-checkout")

_MERGE = (*_INDEX, "pre-merge-commit", "prepare-commit-msg", "commit-msg", "post-merge")

#: Commands that write to the work tree → the hooks that they run themselves. A command that they start, such
#: as `git checkout` in `git bisect`, has a filter of its own.
_HOOKS = {
    "checkout": _CHECKOUT,
    "switch": _CHECKOUT,
    "clone": _CHECKOUT,
    "merge": _MERGE,
    **dict.fromkeys(("checkout-index", "read-tree", "reset", "restore", "sparse-checkout", "stash"), _INDEX),
}

#: Hooks of all other commands, such as rebase, cherry-pick, revert and am.
_ALL = (
    *_MERGE,
    *("post-checkout", "post-rewrite", "pre-commit", "post-commit", "pre-rebase", "pre-auto-gc"),
    *("applypatch-msg", "pre-applypatch", "post-applypatch"),
)


def others_wait(repository: Repository, command: str, treeish: str) -> bool:
    """Whether a hook of another program may run before the filter can write files.

    Args:
        repository: The repository, with Git at the top of its work tree.
        command: The git command that the filter serves; empty if it isn't certain.
        treeish: The commit or tree that Git checks out; empty if it doesn't say.
    """
    names = _HOOKS.get(command, _ALL)
    folder = repository.hooks_dir
    return (
        any(needs_files(folder, name) and not _writes(folder, name) for name in names)
        or not _configured(repository.git).isdisjoint(names)
        or not _checked_out(repository, treeish).isdisjoint(names)
    )


def _writes(folder: Path, name: str) -> bool:
    """Whether a hook writes files before it runs those of other programs."""
    return name in WRITING and runs_theta(folder, name)


def _configured(git: Git) -> set[str]:
    """Names of hooks that Git runs from its settings, from version 2.54 on; ours isn't among them."""
    found: set[str] = set()
    for key in git.settings:
        section, _, rest = key.partition(".")
        program, _, name = rest.rpartition(".")
        if section == "hook" and name == "event" and program != CONFIGURED_HOOK:
            found.update(git.values(key))
    return found


def _checked_out(repository: Repository, treeish: str) -> set[str]:
    """Names of hooks that Git checks out along with the files, and that may not be there yet."""
    if not treeish or repository.has_own_hooks or not has_shared_hooks(repository):
        return set()
    folder = hook_file(repository.hooks_dir, "").resolve()
    with suppress(GitError):
        path = folder.relative_to(repository.root.resolve())
        names = repository.git.run("ls-tree", "-z", "--name-only", treeish, "--", f"{path}/").split(b"\0")
        return {os.path.basename(os.fsdecode(name)) for name in names} - _present(folder)
    return set()


def _present(folder: Path) -> set[str]:
    with suppress(OSError):
        return set(os.listdir(folder))
    return set()
