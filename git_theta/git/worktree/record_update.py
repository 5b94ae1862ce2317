"""The lineage record of a model into which a tracked adapter was side-loaded."""

from __future__ import annotations

import os
from dataclasses import replace

from git_theta.errors import ThetaError
from git_theta.git.lineage.edit_record import add_parents, find_name
from git_theta.git.lineage.named_models import tracked_name
from git_theta.git.lineage.run_program import is_inside_run
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.change_index import add_files
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.dirty_paths import dirty_paths
from git_theta.git.repository.models import find_model
from git_theta.git.repository.repository import Repository
from git_theta.lineage.model_digest import model_digest
from git_theta.lineage.record import RecordedParent

#: The relation of a model to an adapter, or other updates, that were put into it.
ADAPTED = "adapted"


def record_update(git: Git, repository: Repository, path: str, data: str) -> str | None:
    """Record the updates that a model got as one of its parents, and stage the record; its name.

    The version that the updates apply to is one of the model itself: history has it.

    Args:
        git: Git in the user's folder.
        repository: The repository, with Git at the top.
        path: The model, from the top: its file, index or folder.
        data: The updates, as the user named them.

    Returns:
        The name of the updates; `None` if they're no model that Git has, as then there's nothing to name.

    Raises:
        ThetaError: The record can't be written.
    """
    if is_inside_run():
        return None
    with LineageTree(repository) as tree:
        child, parent = find_name(tree, path), _parent(git, tree, data)
        if parent is None or parent.path == child:
            return None
        written = add_parents(tree, child, [replace(parent, relation=ADAPTED)])
    add_files(repository.git, [written])
    return parent.path


def _parent(git: Git, tree: LineageTree, data: str) -> RecordedParent | None:
    """The updates with the version that was read, if that's known."""
    if ":" in data and not os.path.lexists(git.path(data)):
        try:
            found = find_model(git, data)
        except ThetaError:
            return None
        return RecordedParent(path=found.parts.name, model=model_digest(found.manifest.entries))
    name = tracked_name(git, tree, data)
    if name is None:
        return None
    is_dirty = dirty_paths(tree.repository.git, tree.models[name].files)
    return RecordedParent(path=name, model="" if is_dirty else tree.facts(name).model)
