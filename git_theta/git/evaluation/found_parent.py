"""The place of the parent's version that a model was made from: beside the model, or in history."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.git.lineage.model_versions import version_with
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.graph import Derivation


@dataclass(frozen=True, slots=True)
class FoundParent:
    """The place of a parent's version.

    Attributes:
        model: The parent's path in it.
        commit: The id of the commit that has it; `None` for the tree of the child.
        is_recorded: Whether it's the version that the record names, or the record names none.
    """

    model: str
    commit: str | None
    is_recorded: bool


def find_parent(tree: LineageTree, edge: Derivation, digest: str = "") -> FoundParent | None:
    """The version of a parent that a model was made from; `None` if Git doesn't have the parent.

    The version of the child's tree if it's that one, or if history doesn't have the recorded one.

    Args:
        tree: The tree of the child.
        edge: The derivation of the child.
        digest: The digest of the parent's version; empty for that of the record.
    """
    wanted = digest or edge.parent_model
    facts = tree.facts_or_none(edge.parent) if edge.parent in tree.models else None
    if facts and wanted in ("", facts.model):
        return FoundParent(edge.parent, None, is_recorded=True)
    with suppress(ThetaError):
        version = version_with(tree, edge.parent, wanted) if wanted else None
        if version:
            return FoundParent(version.path, version.commit, is_recorded=True)
    return FoundParent(edge.parent, None, is_recorded=False) if facts else None
