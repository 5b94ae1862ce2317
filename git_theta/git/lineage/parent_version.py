"""The version of a parent that a model was made from, in the same commit or in history."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.git.history.revisions import shallow_boundary
from git_theta.git.lineage.model_versions import version_with
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.graph import Derivation, Graph
from git_theta.model.manifest import Manifest
from git_theta.sharding.index_file import MAX_INDEX
from git_theta.sharding.parts import ModelParts


class UnknownVersionError(Exception):
    """A version that can't be looked at, for a reason that is no fault of the record."""


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """The files of a version of a model.

    Attributes:
        parts: The paths, as they are there.
        manifests: Their manifests, in the same order.
        index: The bytes of the file that lists the shards; empty if there's none.
    """

    parts: ModelParts
    manifests: tuple[Manifest, ...]
    index: bytes = b""


def version_files(tree: LineageTree, name: str) -> VersionFiles:
    """A model as a version of the repository has it; see `LineageTree.manifests` for errors."""
    parts = tree.models[name]
    index = tree.read(parts.index, MAX_INDEX) if parts.index else None
    return VersionFiles(parts, tree.manifests(name), index or b"")


def parent_version(tree: LineageTree, graph: Graph, edge: Derivation) -> VersionFiles:
    """The version of a parent that a model was made from; the parent as it is, if the record has no digest.

    Args:
        tree: The version of the repository that has the child.
        graph: Its lineage.
        edge: The derivation of the child from the parent.

    Raises:
        ThetaError: The parent is neither in this version nor in history, or can't be read.
        UnknownVersionError: The parent is elsewhere, or its history is cut off.
    """
    node = graph.models[edge.parent]
    if node.is_external:
        raise UnknownVersionError(f"{edge.parent} isn't in this repository")
    if edge.parent in tree.models and edge.parent_model in ("", node.model):
        return version_files(tree, edge.parent)
    version = version_with(tree, edge.parent, edge.parent_model) if edge.parent in tree.models else None
    if version:
        with LineageTree(tree.repository, version.commit) as then:
            return version_files(then, version.path)
    if shallow_boundary(tree.repository):
        raise UnknownVersionError(f"the history of {edge.parent} is cut off: git fetch --unshallow gets it")
    if edge.parent not in tree.models:
        raise ThetaError(f"{edge.parent} isn't in this version")
    raise ThetaError(f"no version of {edge.parent} in history is {edge.parent_model[7:19]}")
