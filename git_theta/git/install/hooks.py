"""Hooks that send objects before commits that need them, and write large checkpoints before other hooks run.

Programs that install hooks themselves, such as git-lfs, refuse to if there's another one. So a hook that
writes checkpoints is there only where another program has one that may look at files.

A hook of another program is never overwritten: it's renamed to `NAME.before-theta`, and ours runs it
afterwards. If pre-commit owns the hook, ours is `NAME.legacy`, which pre-commit runs, and restores when it's
uninstalled. Another folder than the repository's own (core.hooksPath: husky, a team's shared hooks) is never
changed here; for these, a user may ask for `shared_hooks`.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from itertools import count
from pathlib import Path

from git_theta.git.install.hook_files import BEFORE, MARK, needs_files, our_file, read, runs_theta
from git_theta.runtime.atomic_write import atomic_write

#: Hooks that write checkpoints, and never fail.
WRITING = ("post-checkout", "post-merge", "post-rewrite")

#: The hook that sends objects, and stops a push if it can't.
SENDING = "pre-push"

NAMES = (*WRITING, SENDING)

#: The name of our hook in Git's settings, `hook.NAME.command`, which Git runs from version 2.54 on.
CONFIGURED_HOOK = "theta"

#: A hook that chooses by its own name what to do, as husky.sh does, wouldn't work under another name.
_ASKS_ITS_NAME = re.compile(
    rb"""basename[^\n]*\$\{?0|\$\{0##|basename[^\n]*(\$0|argv|__FILE__)|OVERCOMMIT|/husky\.sh"""
)


class HookState(Enum):
    """The state of a hook after it was installed or removed."""

    CURRENT = "was there already"
    INSTALLED = "installed"
    CHAINED = "installed; it runs the hook that was there"
    REMOVED = "removed"
    ABSENT = "not installed"
    UNNEEDED = "not needed"
    SLOWER = "another program's; Git writes large checkpoints for it, with more memory"
    MANUAL = "core.hooksPath is set: add the line yourself"
    FAILED = "couldn't be written"


def hook_script(name: str, command: str) -> str:
    """The text of a hook: it does our part, then runs the hook that was there before, with its input.

    Where the other hook doesn't run, nobody waits for the files, and the filter writes them when git ends,
    which is cheaper. An environment variable prevents a loop, in case the other hook runs this one.

    Args:
        name: The hook.
        command: A shell command that runs git-theta, without its arguments.
    """
    if name == SENDING:
        return _sending(command)
    return f"""#!/bin/sh
{MARK.decode()} `git theta uninstall` removes it and puts back the hook that was here before.
[ "$GIT_THETA_HOOK" = {name} ] && exit 0
before="${{0%/*}}/{name}{BEFORE}"
[ -x "$before" ] || [ "${{0##*/}}" != {name} ] || exit 0
{command} hook {name} "$@" </dev/null || echo "git-theta: the hook {name} failed; run: git theta checkout" >&2
[ -x "$before" ] || exit 0
GIT_THETA_HOOK={name} exec "$before" "$@"
"""


def _sending(command: str) -> str:
    """The text of the hook that sends objects. It and the hook that was there before both read the refs.

    If Git runs the hook in its settings, the objects were sent before this one runs.
    """
    return f"""#!/bin/sh
{MARK.decode()} `git theta uninstall` removes it and puts back the hook that was here before.
[ "$GIT_THETA_HOOK" = {SENDING} ] && exit 0
before="${{0%/*}}/{SENDING}{BEFORE}"
refs=$(cat)
said() {{ [ -z "$refs" ] || printf '%s\\n' "$refs"; }}
git hook list {SENDING} 2>/dev/null </dev/null | grep -qx {CONFIGURED_HOOK} ||
said | {{ {command} hook {SENDING} "$@"; }} || exit 1
[ -x "$before" ] || exit 0
said | GIT_THETA_HOOK={SENDING} "$before" "$@"
"""


def ensure_hooks(hooks_dir: Path, command: str, *, own_folder: bool = True) -> dict[str, HookState]:
    """Install the hooks that are missing or old, and remove those that aren't needed. Cheap if all is well.

    Several processes may do so at the same time. Another program's hook that can't be chained, as it asks for
    its own name, stays as it is.

    Args:
        hooks_dir: The folder where Git looks for hooks.
        command: A shell command that runs git-theta.
        own_folder: Whether it's the repository's own folder; if not, nothing is written, and pre-push is
            MANUAL until it runs git-theta.

    Returns:
        Name of the hook → its state.
    """
    if not own_folder or hooks_dir.is_symlink():
        states = hook_states(hooks_dir)
        return {name: HookState.MANUAL if s is HookState.ABSENT else s for name, s in states.items()}
    with suppress(OSError):
        hooks_dir.mkdir(parents=True, exist_ok=True)
    with _locked(hooks_dir):
        return {name: _ensure(hooks_dir, name, hook_script(name, command)) for name in NAMES}


def remove_hooks(hooks_dir: Path) -> dict[str, HookState]:
    """Remove our hooks, and restore those that were there before; returns the state by name."""
    with _locked(hooks_dir):
        return {name: _remove(hooks_dir, name) for name in NAMES}


def hooks_installed(hooks_dir: Path) -> bool:
    """Whether the hooks that are needed run git-theta, of any version; each costs some small reads."""
    return sends_objects(hooks_dir) and all(
        needs_files(hooks_dir, name) == runs_theta(hooks_dir, name) for name in WRITING
    )


def sends_objects(hooks_dir: Path) -> bool:
    """Whether the hook that Git runs before a push, or a hook that it runs, sends objects."""
    return runs_theta(hooks_dir, SENDING)


def hook_states(hooks_dir: Path) -> dict[str, HookState]:
    """Name of the hook → CURRENT if it runs git-theta; else UNNEEDED, or SLOWER or ABSENT without it."""
    return {name: _state(hooks_dir, name) for name in NAMES}


def _state(folder: Path, name: str) -> HookState:
    if runs_theta(folder, name):
        return HookState.CURRENT
    if name == SENDING:
        return HookState.ABSENT
    return HookState.SLOWER if needs_files(folder, name) else HookState.UNNEEDED


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from changing hooks, on file systems that can."""
    handle = None
    try:
        with suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _ensure(folder: Path, name: str, text: str) -> HookState:
    path = our_file(folder, name)
    present = read(path)
    if name in WRITING and not needs_files(folder, name):
        _remove(folder, name)
        return HookState.UNNEEDED
    if present == text.encode() and os.access(path, os.X_OK):
        return HookState.CURRENT
    if MARK not in present and runs_theta(folder, name):
        return HookState.CURRENT  # the user wrote our line into a hook
    try:
        foreign = os.path.lexists(path) and MARK not in present
        if foreign:
            if not present or _ASKS_ITS_NAME.search(present):
                raise FileExistsError(path)
            _link(path, folder / (name + BEFORE))
        atomic_write(path, text.encode(), mode=0o755)
    except OSError:
        # Another process may just have written it, as when many filters start in a new clone.
        if MARK in read(path):
            return HookState.CURRENT
        return HookState.FAILED if name == SENDING else HookState.SLOWER
    return HookState.CHAINED if foreign or path.name != name else HookState.INSTALLED


def _link(path: Path, before: Path) -> None:
    """Give a hook a second name.

    A program that put its hook in place of ours has replaced also the one that ours ran: that's kept under a
    name with a number, and not run any more.
    """
    if os.path.lexists(before):
        if _are_same(path, before):
            return  # a program installed its hook again, or a process was killed in the middle of this
        names = (before.with_name(f"{before.name}.{number}") for number in count(1))
        before.rename(next(name for name in names if not os.path.lexists(name)))
    if path.is_symlink():
        before.symlink_to(os.readlink(path))
    else:
        os.link(path, before)


def _are_same(path: Path, before: Path) -> bool:
    if path.is_symlink() and before.is_symlink():
        return os.readlink(path) == os.readlink(before)
    if path.is_symlink() or before.is_symlink():
        return False
    return read(path) == read(before)


def _remove(folder: Path, name: str) -> HookState:
    path, before = our_file(folder, name), folder / (name + BEFORE)
    if MARK not in read(path):
        return HookState.ABSENT
    try:
        if os.path.lexists(before):
            os.rename(before, path)
        else:
            path.unlink()
    except OSError:
        return HookState.FAILED
    return HookState.REMOVED
