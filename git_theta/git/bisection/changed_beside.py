"""Small files beside a model, such as `config.json`, that changed while the model didn't."""

from __future__ import annotations

import os

from git_theta.git.evaluation.tested_version import is_beside
from git_theta.git.plumbing.command import Git


def changed_beside(git: Git, model: str, old: str, new: str) -> list[str]:
    """Paths of files beside a model that differ between two commits, and that copies for tests have.

    Args:
        git: Git in the repository.
        model: The model's path from the top.
        old: The id of a commit.
        new: The id of the other commit.
    """
    folder, slash, _ = model.rpartition("/")
    spec = f":(top,literal){folder}/" if slash else ":(top,glob)*"
    listing = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new, "--", spec)
    paths = (os.fsdecode(path) for path in listing.split(b"\0") if path)
    return [path for path in paths if path.rpartition("/")[0] == folder and is_beside(path)]
