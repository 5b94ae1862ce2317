"""The ancestors of a model as a graph: each in the version that its child was made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import CycleError

from git_theta.bisection.version_dag import VersionDag
from git_theta.errors import ThetaError
from git_theta.git.bisection.model_dag import ModelAt, ModelDag, model_dag
from git_theta.git.history.model_history import ModelHistory
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository
from git_theta.lineage.graph import Derivation, Graph, LineageError


@dataclass(frozen=True)
class DerivationDag:
    """A model and its ancestors.

    Attributes:
        tip: The model.
        dag: The model and its ancestors, each at the commit that made its version.
        notes: Sentences about ancestors that aren't in the graph, or only in another version.
    """

    tip: ModelAt
    dag: VersionDag[ModelAt]
    notes: tuple[str, ...]


def derivation_dag(repository: Repository, history: ModelHistory, commit: str, name: str) -> DerivationDag:
    """The ancestors of a model, as the records in a commit, and in those of its ancestors, say.

    Args:
        repository: The repository.
        history: Finds the versions.
        commit: The id of the commit.
        name: The model's name in it.

    Raises:
        UsageError: The commit doesn't have the model.
        LineageError: Models are derived from each other in a circle.
    """
    walk = _Walk(repository, history, commit)
    tip = walk.model(commit, name).tip
    parents: dict[ModelAt, tuple[ModelAt, ...]] = {}
    # The commit whose records count for a version, and the model's name there.
    waiting = [(tip, ModelAt(commit, name))]
    while waiting:
        version, place = waiting.pop()
        if version in parents:
            continue
        above = walk.parents(place)
        parents[version] = tuple(dict.fromkeys(each for each, _ in above if each != version))
        waiting += above
    dag = VersionDag(parents)
    try:
        assert dag.order  # noqa: S101
    except CycleError as error:
        names = " from ".join(each.name for each in error.args[1])
        raise LineageError(
            f"models are derived from each other in a circle: {names}",
            "remove one of these edges: git theta lineage remove CHILD --from PARENT",
        ) from error
    return DerivationDag(tip, dag, tuple(dict.fromkeys(walk.notes)))


@dataclass
class _Walk:
    """A walk along derivations.

    Attributes:
        repository: The repository.
        history: Finds the versions.
        tip: The id of the commit at which it begins.
        notes: Sentences about ancestors that couldn't be found.
    """

    repository: Repository
    history: ModelHistory
    tip: str
    notes: list[str] = field(default_factory=list)
    _graphs: dict[str, Graph] = field(default_factory=dict)
    _models: dict[tuple[str, str], ModelDag] = field(default_factory=dict)

    def graph(self, commit: str) -> Graph:
        """The lineage in a commit."""
        if commit not in self._graphs:
            with LineageTree(self.repository, commit) as tree:
                self._graphs[commit] = graph_of(tree)
        return self._graphs[commit]

    def model(self, commit: str, name: str) -> ModelDag:
        """The versions of a model, up to that of a commit."""
        if (commit, name) not in self._models:
            self._models[commit, name] = model_dag(self.history, commit, name)
        return self._models[commit, name]

    def parents(self, place: ModelAt) -> list[tuple[ModelAt, ModelAt]]:
        """The versions of a model's parents, each with the commit whose records count for it."""
        for commit in (place.commit, self.tip):
            graph = self.graph(commit)
            edges = graph.derivations_of(place.name) if place.name in graph.models else ()
            if edges:
                return [found for edge in edges if (found := self._parent(edge, commit))]
        return []

    def _parent(self, edge: Derivation, commit: str) -> tuple[ModelAt, ModelAt] | None:
        node = self.graph(commit).models[edge.parent]
        if node.is_external or not node.files:
            self.notes.append(f"{edge.parent}, which {edge.child} was made from, isn't in the repository")
            return None
        now = self.model(commit, edge.parent)
        if not edge.parent_model or edge.is_current:
            return now.tip, ModelAt(commit, edge.parent)
        old = self._version(now, edge.parent_model)
        if old is None:
            self.notes.append(
                f"{edge.child} was made from a version of {edge.parent} that history doesn't have; the one "
                f"in {commit[:10]} is tested"
            )
            return now.tip, ModelAt(commit, edge.parent)
        return old, old

    def _version(self, model: ModelDag, digest: str) -> ModelAt | None:
        """The newest version of a model with a digest; `None` if there's none."""
        with LineageTree(self.repository, model.tip.commit) as tree:
            for version in reversed(model.dag.order):
                try:
                    if tree.facts_of(model.stored[version].oids).model == digest:
                        return version
                except ThetaError:
                    continue
        return None
