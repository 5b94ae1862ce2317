"""The folder of a Git repository on this machine that holds its objects, and the modes of files in it."""

from __future__ import annotations

import re
import subprocess
from contextlib import suppress
from pathlib import Path


def objects_folder(path: Path) -> Path:
    """The folder `theta` of the repository at a path, bare or not; the path itself without a repository."""
    for candidate in (path / ".git", path, path.with_name(f"{path.name}.git")):
        folder = _linked_folder(candidate)
        if _is_repository(folder):
            return folder / "theta"
    return path


def in_repository(folder: Path) -> bool:
    """Whether `objects_folder` gave a folder for a repository."""
    return folder.name == "theta" and _is_repository(folder.parent)


def shared_mode(value: str) -> int | None:
    """Mode of files by a value of `core.sharedRepository`; `None` if the umask decides."""
    names = dict.fromkeys(("group", "true", "yes", "on", "1"), 0o660)
    names |= dict.fromkeys(("all", "world", "everybody", "2"), 0o664)
    if value.lower() in names:
        return names[value.lower()]
    return int(value, 8) if re.fullmatch(r"0[0-7]{3}", value) else None


def own_shared_mode(folder: Path) -> int | None:
    """Mode of files by `core.sharedRepository` in the repository that a folder `theta` belongs to.

    As for Git, only the repository's own settings count, not those of the user.
    """
    config = folder.parent / "config"
    with suppress(OSError):
        if b"sharedrepository" not in config.read_bytes().lower():
            return None
        done = subprocess.run(
            ["git", "config", "--file", str(config), "core.sharedRepository"], capture_output=True
        )
        # A key without a value means true.
        return None if done.returncode else shared_mode(done.stdout.decode().strip() or "true")
    return None


def _is_repository(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _linked_folder(folder: Path) -> Path:
    """The repository that the file `.git` of a submodule or linked work tree names; else the path itself."""
    try:
        word, _, target = folder.read_text(errors="surrogateescape").strip().partition(": ")
        if word != "gitdir":
            return folder
        found = folder.parent / target
        common = found / "commondir"
        return found / common.read_text(errors="surrogateescape").strip() if common.is_file() else found
    except OSError:
        return folder
