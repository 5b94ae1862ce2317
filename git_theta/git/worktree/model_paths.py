"""The checkpoint files of a model in the work tree: one, or all shards that an index names."""

from __future__ import annotations

import os
from pathlib import Path

from git_theta.combine.files import model_files, read_index, shard_names
from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.revspec import SHARDS_INDEX


def model_paths(git: Git, path: str) -> tuple[str, ...]:
    """Paths of a model's checkpoint files, from the top of the work tree.

    Args:
        git: Git at the top of the work tree.
        path: A checkpoint, the index of its shards, or the folder of a model, from there.

    Raises:
        UsageError: The folder has no model, or the index isn't valid.
    """
    place = Path(git.path(path))
    if place.is_dir() and not place.is_symlink():
        folder = path
        names = model_files(sorted(os.listdir(place)), path, lambda index: read_index(place / index))
    elif path.endswith(SHARDS_INDEX):
        folder = os.path.dirname(path)
        names = shard_names(read_index(place), path)
    else:
        return (path,)
    return tuple(os.path.normpath(os.path.join(folder, name)) for name in names)


def index_of(git: Git, path: str) -> str | None:
    """Path of the index that names a file as one of several shards; `None` if there's none beside it.

    Args:
        git: Git at the top of the work tree.
        path: The file, from there.
    """
    folder, own = os.path.split(path)
    for index in sorted(Path(git.path(folder or ".")).glob(f"*{SHARDS_INDEX}")):
        try:
            names = shard_names(read_index(index), index.name)
        except UsageError:
            continue
        if own in names and len(names) > 1:
            return os.path.join(folder, index.name)
    return None
