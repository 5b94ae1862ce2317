"""Models that users name for other commands than those of lineage, as parents in records."""

from __future__ import annotations

import os
from collections.abc import Iterable

from git_theta.errors import UsageError
from git_theta.git.lineage.edit_record import find_name
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.models import find_model
from git_theta.git.repository.paths import work_tree_path
from git_theta.lineage.model_digest import model_digest
from git_theta.lineage.record import RecordedParent
from git_theta.model.manifest import Entry


def named_parent(git: Git, tree: LineageTree, name: str, entries: Iterable[Entry]) -> RecordedParent:
    """A model that a command read, as a parent.

    Args:
        git: Git in the user's folder.
        tree: The index.
        name: A path from the user's folder, or `REV:PATH`. What isn't a model of the repository becomes
            `file:` and the file's name: where it was is of no use elsewhere.
        entries: The entries of what was read.
    """
    model = model_digest(entries)
    if ":" in name and not os.path.lexists(git.path(name)):
        return RecordedParent(path=find_model(git, name).parts.name, model=model)
    path = tracked_name(git, tree, name)
    if path is None:
        return RecordedParent(uri=f"file:{os.path.basename(os.path.normpath(name))}", model=model)
    return RecordedParent(path=path, model=model)


def tracked_name(git: Git, tree: LineageTree, name: str) -> str | None:
    """The name of the model of the index at a path of the user's; `None` if there's none, or several."""
    try:
        return find_name(tree, work_tree_path(git, git.path(name)))
    except UsageError:
        return None
