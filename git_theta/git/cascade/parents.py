"""The parents of models that are made again: as they are now, and as they were when the models were made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from git_theta.cascade.plan import CascadeStep
from git_theta.errors import ThetaError
from git_theta.git.cascade.replaced_versions import ReplacedVersions
from git_theta.git.lineage.edit_record import read_record
from git_theta.git.lineage.model_versions import version_with
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.graph import Derivation
from git_theta.lineage.record import LineageRecord, RecordedParent
from git_theta.model.manifest import Manifest


@dataclass(frozen=True, slots=True)
class ParentVersions:
    """A parent's version that a model was made from, and its version of now.

    Attributes:
        name: Path of the parent.
        recorded: The digest of the old version, as the model's record has it.
        old: Manifests of the old version's files.
        new: Manifests of the new version's files.
    """

    name: str
    recorded: str
    old: tuple[Manifest, ...]
    new: tuple[Manifest, ...]


def parents_now(tree: LineageTree, step: CascadeStep) -> tuple[RecordedParent, ...]:
    """The parents of a step's models with their versions of now, for the models' new records.

    Those that aren't in the repository are as a record has them.

    Args:
        tree: The index.
        step: The step.

    Raises:
        ThetaError: A parent isn't there any more, or can't be read.
    """
    recorded = {parent.name: parent for model in step.models for parent in old_record(tree, model).parents}
    found = []
    for name in step.parents:
        if name in tree.models:
            relation = recorded[name].relation if name in recorded else ""
            found.append(RecordedParent(path=name, model=tree.facts(name).model, relation=relation))
        elif ":" in name.partition("/")[0]:
            found.append(recorded.get(name, RecordedParent(uri=name)))
        else:
            raise ThetaError(f"parent {name} isn't here any more")
    return tuple(found)


def old_record(tree: LineageTree, model: str) -> LineageRecord:
    """The record that a model has; an empty one if it has none."""
    return read_record(tree, model) or LineageRecord()


def are_current(tree: LineageTree, step: CascadeStep) -> bool:
    """Whether the models of a step are of the versions that their parents have now, as their records say.

    That's so if a parent came out as it was, or if somebody else has made the models again meanwhile.
    """
    graph = graph_of(tree)
    edges = [edge for model in step.models for edge in graph.derivations_of(model)]
    asked = [edge for edge in edges if edge.parent in step.changed]
    return bool(asked) and all(edge.is_current for edge in asked)


def changed_parents(
    tree: LineageTree,
    model: str,
    names: Collection[str],
    replaced: ReplacedVersions,
) -> list[ParentVersions]:
    """The parents of a model that have changed since it was made, in the order in which they took part.

    Args:
        tree: The index.
        model: The model.
        names: The parents that are asked for.
        replaced: The versions that steps before have replaced.

    Raises:
        ThetaError: An old version isn't known, or is in no commit of the history.
    """
    found = []
    for edge in graph_of(tree).derivations_of(model):
        if edge.parent in names and edge.is_current is not True:
            old = _old_version(tree, edge, replaced.get(edge.parent, ()))
            found.append(ParentVersions(edge.parent, edge.parent_model, old, tree.manifests(edge.parent)))
    return found


def _old_version(
    tree: LineageTree, edge: Derivation, replaced: Sequence[tuple[str, ...]]
) -> tuple[Manifest, ...]:
    if not edge.parent_model:
        raise ThetaError(
            f"nobody has recorded which version of {edge.parent} {edge.child} was made from",
            f"say how it's made, git theta run; or name the version in its record: "
            f"git theta lineage edit {edge.child}",
        )
    for blobs in replaced:
        if tree.facts_of(blobs).model == edge.parent_model:
            return tree.manifests_of(blobs)
    version = version_with(tree, edge.parent, edge.parent_model)
    if version:
        with LineageTree(tree.repository, version.commit) as then:
            return then.manifests(version.path)
    raise ThetaError(
        f"no version of {edge.parent} in history is the one that {edge.child} was made from",
        "in a shallow clone: git fetch --unshallow",
    )
