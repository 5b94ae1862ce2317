"""The Git under test, and a Git that says that it's another version."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.git_version import dotted, has_version


def needs_git(major: int, minor: int) -> pytest.MarkDecorator:
    """A mark for tests of commands and options that older versions of Git don't have."""
    version = (major, minor)
    return pytest.mark.skipif(not has_version(Git(), version), reason=f"needs git {dotted(version)}")


def pretended_version(folder: Path, version: str) -> dict[str, str]:
    """Variables with which `git --version` says another version, and all else is the real Git's.

    Args:
        folder: A new folder, for the program that pretends.
        version: The version, such as `2.30.2`.
    """
    folder.mkdir()
    program = folder / "git"
    program.write_text(
        "#!/bin/sh\n"
        f'[ "$*" = --version ] && exec echo "git version {version}"\n'
        f'exec {shutil.which("git")} "$@"\n'
    )
    program.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
