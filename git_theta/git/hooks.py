"""Hooks that write large checkpoints as early as Git lets us: after a checkout, a merge, a rewrite.

A hook of someone else's is never overwritten: it's renamed to `NAME.before-theta`, and ours runs it.
A folder of hooks outside the repository (core.hooksPath: husky, a team's shared hooks) is never touched.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from enum import Enum
from pathlib import Path

NAMES = ("post-checkout", "post-merge", "post-rewrite")

_MARK = "# Installed by git-theta."
_SUFFIX = ".before-theta"


class HookState(Enum):
    """What became of a hook."""

    CURRENT = "was there already"
    INSTALLED = "installed"
    CHAINED = "installed; the hook that was there runs first"
    REMOVED = "removed"
    ABSENT = "not installed"
    MANUAL = "core.hooksPath is set: add the line yourself"
    FAILED = "couldn't be written"


def script(name: str, command: str) -> str:
    """A hook's text.

    Args:
        name: The hook.
        command: A shell command that runs git-theta, without its arguments.
    """
    return f"""#!/bin/sh
{_MARK} `git theta uninstall` removes it and puts back the hook that was here before.
status=0
before="$0{_SUFFIX}"
if [ -x "$before" ]; then "$before" "$@" || status=$?; fi
{command} hook {name} "$@" </dev/null || echo "git-theta: the hook {name} failed; run: git theta checkout" >&2
exit $status
"""


def ensure_hooks(hooks_dir: Path, command: str, *, own_folder: bool = True) -> dict[str, HookState]:
    """Install the hooks where they're missing or old. Cheap when all is as it should be.

    Args:
        hooks_dir: Where Git looks for hooks.
        command: A shell command that runs git-theta.
        own_folder: Whether that's the repository's own folder; if not, nothing is written.
    """
    if not own_folder:
        return dict.fromkeys(NAMES, HookState.MANUAL)
    return {name: _ensure(hooks_dir / name, script(name, command)) for name in NAMES}


def remove_hooks(hooks_dir: Path) -> dict[str, HookState]:
    """Remove our hooks, and put back those that were there before."""
    return {name: _remove(hooks_dir / name) for name in NAMES}


def hooks_installed(hooks_dir: Path) -> bool:
    """Whether all hooks are ours, whatever their version; three small reads."""
    return all(_is_ours(hooks_dir / name) for name in NAMES)


def hook_states(hooks_dir: Path) -> dict[str, HookState]:
    """Which hooks are ours now."""
    return {name: HookState.CURRENT if _is_ours(hooks_dir / name) else HookState.ABSENT for name in NAMES}


def _ensure(path: Path, text: str) -> HookState:
    try:
        current = path.read_bytes()
    except FileNotFoundError:
        current = None
    except OSError:
        return HookState.FAILED
    if current == text.encode():
        return HookState.CURRENT
    state = HookState.INSTALLED
    try:
        if current is not None and _MARK.encode() not in current:
            before = path.with_name(path.name + _SUFFIX)
            if before.exists() or _includes_ours(path):
                return HookState.FAILED
            os.rename(path, before)
            state = HookState.CHAINED
        elif path.with_name(path.name + _SUFFIX).exists():
            state = HookState.CHAINED
        _write(path, text)
    except OSError:
        return HookState.FAILED
    return state


def _includes_ours(path: Path) -> bool:
    """Whether another manager has renamed our hook and runs it, as pre-commit does with `.legacy`."""
    return any(_is_ours(other) for other in path.parent.glob(f"{path.name}.*"))


def _remove(path: Path) -> HookState:
    if not _is_ours(path):
        return HookState.ABSENT
    before = path.with_name(path.name + _SUFFIX)
    try:
        if before.exists():
            os.rename(before, path)
        else:
            path.unlink()
    except OSError:
        return HookState.FAILED
    return HookState.REMOVED


def _is_ours(path: Path) -> bool:
    with suppress(OSError):
        return _MARK.encode() in path.read_bytes()
    return False


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o755)
        os.rename(name, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
