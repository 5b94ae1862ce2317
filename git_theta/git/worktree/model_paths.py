"""The checkpoint files of a model in the work tree: one, or all shards that an index names."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from git_theta.combine.files import parts_at, read_index
from git_theta.errors import UsageError
from git_theta.git.plumbing.command import Git
from git_theta.sharding.index_file import is_index_name, parse_index


def model_paths(git: Git, path: str) -> tuple[str, ...]:
    """Paths of a model's checkpoint files, from the top of the work tree.

    Args:
        git: Git at the top of the work tree.
        path: A checkpoint, the index of its shards, the folder of a model, or the path that shards would have
            as one file; from there.

    Raises:
        UsageError: The folder has no model, or the index isn't valid.
    """
    place = Path(git.path(path))
    if place.is_file() and is_index_name(path):
        # A shard that isn't in the work tree may be in the index.
        names: Iterable[str] = parse_index(read_index(place), path).shards
        folder = os.path.dirname(path)
    elif os.path.lexists(place) and (place.is_symlink() or not place.is_dir()):
        return (path,)
    else:
        try:
            names = map(os.path.basename, parts_at(place, path).files)
        except UsageError:
            if os.path.lexists(place):
                raise
            # The index may have a file that the work tree has lost.
            return (path,)
        folder = path if place.is_dir() else os.path.dirname(path)
    return tuple(os.path.normpath(os.path.join(folder, name)) for name in names)


def index_of(git: Git, path: str) -> str | None:
    """Path of the index that names a file as one of several shards; `None` if there's none beside it.

    Args:
        git: Git at the top of the work tree.
        path: The file, from there.
    """
    folder, own = os.path.split(path)
    for index in sorted(Path(git.path(folder or ".")).glob("*.index*.json")):
        try:
            names = parse_index(read_index(index), index.name).shards
        except UsageError:
            continue
        if own in names and len(names) > 1:
            return os.path.join(folder, index.name)
    return None
