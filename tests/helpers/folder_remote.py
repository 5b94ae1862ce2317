"""Clones of a repository whose objects are in a folder `server` beside the bare repository."""

from __future__ import annotations

from pathlib import Path

from tests.helpers.repo import Repo


def clone(bare: Path, target: Path, *options: str, server: Path | None = None) -> Repo:
    """A clone whose objects come from `server`, or from the folder of that name beside the bare one."""
    server = server or bare.parent / "server"
    setting = f"theta.remote.origin.url={server}"
    Repo(target.parent).git("clone", "-q", "-c", setting, *options, str(bare), target.name)
    return Repo(target)


def sent(tmp_path: Path) -> set[str]:
    """The names of the objects that are in the folder `server`."""
    return {path.name for path in (tmp_path / "server").glob("objects/??/??/*")}
