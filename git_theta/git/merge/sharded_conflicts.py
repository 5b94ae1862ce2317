"""Models in conflict that the sides sharded in different ways."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from git_theta.errors import ThetaError
from git_theta.git.history.compared_versions import ComparedVersion
from git_theta.git.merge.resharded import merged_places
from git_theta.git.merge.sharded_sides import ShardedSides, commits_of_conflict, sharded_sides
from git_theta.git.merge.unmerged_files import UnmergedFile
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.conflict_records import read_stages
from git_theta.git.repository.repository import Repository


def sharded_conflicts(repository: Repository, unmerged: Sequence[UnmergedFile]) -> list[ShardedSides]:
    """The models in conflict that aren't staged in the shards of ours yet.

    Args:
        repository: The repository, with Git at the top of its work tree.
        unmerged: The files in conflict.
    """
    commits = commits_of_conflict(repository) if unmerged else None
    if commits is None:
        return []
    try:
        found = sharded_sides(repository.git, commits)
    except ThetaError:
        # Shards that aren't whole, or not of one model, are files of their own.
        return []
    paths = {file.path for file in unmerged}
    return [model for model in found if paths & model.paths and is_to_stage(repository.git, model, paths)]


def is_to_stage(git: Git, model: ShardedSides, unmerged: Iterable[str]) -> bool:
    """Whether the index has something of a model that isn't in the shards of ours.

    Args:
        git: Git at the top of the work tree.
        model: The model.
        unmerged: Paths of the files in conflict.
    """
    ours = model.ours.model.parts
    others = model.paths - {*ours.files, ours.index}
    if ours.index in unmerged or any(git.run("ls-files", "--", f":(top,literal){path}") for path in others):
        return True
    theirs = model.theirs
    places = merged_places(model.base.model if model.base else None, model.ours.model, theirs.model)
    own = theirs.places()
    for path, oid in zip(theirs.model.parts.files, theirs.oids, strict=True):
        stages = read_stages(git, path) if path in unmerged else None
        names = {name for name, file in own.items() if file == path}
        wanted = {name for name in own if places.of[name] == path}
        if stages and stages.theirs == oid and names != wanted:
            return True
    return False


def other_paths(models: Iterable[ShardedSides], paths: Iterable[str]) -> list[str]:
    """The paths that aren't those of files of models, nor stand for one of them."""
    known = {path for model in models for path in (model.name, *model.paths)}
    return [path for path in paths if path not in known]


def shards_by_name(git: Git, paths: Iterable[str]) -> list[str]:
    """Paths, where the shards of a model in HEAD stand in place of its name or its index.

    Args:
        git: Git at the top of the work tree.
        paths: Paths from there.
    """
    found: list[str] = []
    for path in paths:
        models = ComparedVersion(git, "HEAD").models(os.path.dirname(path)).models.values()
        named = [model for model in models if model.is_sharded and path in (model.name, model.index)]
        found += named[0].files if named else [path]
    return found


def is_below(path: str, names: Iterable[str]) -> bool:
    """Whether a path is one of some others, or in a folder among them; `.` is the top."""
    return any(name in ("", ".", path) or path.startswith(f"{name.rstrip('/')}/") for name in names)
