"""Models that a cascade computes, by their recipes or in weight space: the old version and the new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from git_theta.cascade.plan import CascadeStep
from git_theta.git.cascade.parents import ParentVersions, changed_parents
from git_theta.git.cascade.replaced_versions import ReplacedVersions
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Manifest


@dataclass(frozen=True, slots=True)
class OutdatedModel:
    """A model of the index, and its parents that have changed since it was made.

    Attributes:
        name: The model's path.
        files: Path → manifest, of each of its files.
        parents: The parents, in the order in which they took part.
        relation: The kind of derivation.
    """

    name: str
    files: Mapping[str, Manifest]
    parents: tuple[ParentVersions, ...]
    relation: str


@dataclass(frozen=True, slots=True)
class ComputedModel:
    """A new version of a model. Its values are in the store, its files aren't written yet.

    Attributes:
        name: The model's path.
        files: Path → manifest, of each of its files.
        parents: The parents whose new versions it stands on.
        is_moved: Whether it isn't what its recorded command would make.
        note: A sentence for the user about how it was made; may be empty.
    """

    name: str
    files: Mapping[str, Manifest]
    parents: tuple[ParentVersions, ...]
    is_moved: bool = False
    note: str = ""


def outdated_model(repository: Repository, step: CascadeStep, replaced: ReplacedVersions) -> OutdatedModel:
    """The model of a step.

    Args:
        repository: The repository, with Git at the top.
        step: The step, of one model.
        replaced: The versions that steps before have replaced.

    Raises:
        ThetaError: The old version of a parent isn't known, or is in no commit of the history.
    """
    with LineageTree(repository) as tree:
        files = dict(zip(tree.models[step.name].files, tree.manifests(step.name), strict=True))
        parents = changed_parents(tree, step.name, step.changed, replaced)
    return OutdatedModel(step.name, files, tuple(parents), step.relation)
