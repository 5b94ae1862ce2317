"""The lineage graph: models, and what each was derived from."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from git_theta.errors import ThetaError, UsageError
from git_theta.runtime.suggest import did_you_mean

if TYPE_CHECKING:
    import networkx as nx


class LineageError(ThetaError):
    """A lineage graph makes no sense: a model is derived from itself, for example."""


@dataclass(frozen=True, slots=True)
class ModelNode:
    """A model of a lineage graph.

    Attributes:
        path: Its path from the top of the repository; of a model that isn't here, its URI, such as
            `hf:org/name`.
        model: The digest of its parameters, as `git_theta.lineage.model_digest` gives it; empty if unknown.
        format: The format of its files; several with commas between, if they differ.
        parameters: The number of parameters.
        size: Bytes of its files.
        files: Paths of its files.
        is_external: Whether it isn't in the repository.
        problems: Sentences about its files or its record that users should know.
    """

    path: str
    model: str = ""
    format: str = ""
    parameters: int = 0
    size: int = 0
    files: tuple[str, ...] = ()
    is_external: bool = False
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Derivation:
    """An edge of a lineage graph: one model was made from another one.

    Attributes:
        child: Path of the model that was made.
        parent: Path or URI of the model that it was made from.
        relation: The kind of derivation, such as `finetune`, `adapter`, `merge` or `quantized`.
        source: The place where this is said: `recorded`, `card`, `config`, `gguf`, `mergekit` or `manifest`;
            or `inferred`.
        why: The user's reason; empty if there's none.
        parent_model: The digest of the parent's version that the child was made from; empty if unknown.
        is_current: Whether the parent still is that version; `None` if that isn't known.
        frozen: Patterns of parameters that are said to be as in the parent.
    """

    child: str
    parent: str
    relation: str
    source: str
    why: str = ""
    parent_model: str = ""
    is_current: bool | None = None
    frozen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionNode:
    """A version of a model: the model at a commit that changed it.

    Attributes:
        commit: The commit's id.
        model: The digest of the model's parameters; empty if they can't be read.
        path: Its path in that commit.
        subject: The first line of the commit's message.
        date: The author's date, as ISO 8601 has it.
    """

    commit: str
    model: str
    path: str
    subject: str = ""
    date: str = ""


@dataclass(frozen=True)
class Graph:
    """Models and their derivations.

    Attributes:
        models: Path or URI → the model. Every derivation's two ends are among them.
        derivations: The edges. If several sources say the same, there's one edge, from the first source.
        read_versions: Reads the versions of a model, the newest first, given its path.
    """

    models: Mapping[str, ModelNode]
    derivations: tuple[Derivation, ...]
    read_versions: Callable[[str], tuple[VersionNode, ...]] = field(
        default=lambda _path: (), repr=False, compare=False
    )

    @cached_property
    def _by_child(self) -> Mapping[str, tuple[Derivation, ...]]:
        return _grouped((edge.child, edge) for edge in self.derivations)

    @cached_property
    def _by_parent(self) -> Mapping[str, tuple[Derivation, ...]]:
        return _grouped((edge.parent, edge) for edge in self.derivations)

    def derivations_of(self, child: str) -> tuple[Derivation, ...]:
        """The edges that lead from a model's parents to it.

        Raises:
            UsageError: There's no such model.
        """
        self._check(child)
        return self._by_child.get(child, ())

    def relations_of(self, child: str) -> frozenset[str]:
        """The kinds of derivations that lead to a model; none of a model that the graph doesn't have."""
        return frozenset(edge.relation for edge in self._by_child.get(child, ()))

    def derivations_from(self, parent: str) -> tuple[Derivation, ...]:
        """The edges that lead from a model to its children.

        Raises:
            UsageError: There's no such model.
        """
        self._check(parent)
        return self._by_parent.get(parent, ())

    def parents(self, model: str) -> list[str]:
        """The models that a model was made from."""
        return [edge.parent for edge in self.derivations_of(model)]

    def children(self, model: str) -> list[str]:
        """The models that were made from a model."""
        return [edge.child for edge in self.derivations_from(model)]

    def ancestors(self, model: str) -> list[str]:
        """Parents, their parents and so on, the nearest first."""
        return _reached(model, self.parents)

    def descendants(self, model: str) -> list[str]:
        """Children, their children and so on, the nearest first."""
        return _reached(model, self.children)

    def versions(self, model: str) -> tuple[VersionNode, ...]:
        """The versions of a model in history, the newest first; none of a model that isn't in the repository.

        Raises:
            UsageError: There's no such model.
        """
        self._check(model)
        return () if self.models[model].is_external else self.read_versions(model)

    def topological(self) -> list[str]:
        """All models, each after all its parents; in the order of names where that leaves a choice.

        Raises:
            LineageError: Models are derived from each other in a circle.
        """
        sorter = TopologicalSorter({name: self.parents(name) for name in sorted(self.models)})
        try:
            sorter.prepare()
        except CycleError as error:
            raise LineageError(
                f"models are derived from each other in a circle: {' from '.join(error.args[1])}",
                "remove one of these edges: git theta lineage remove CHILD --from PARENT",
            ) from error
        order: list[str] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready())
            order += ready
            sorter.done(*ready)
        return order

    def cycles(self) -> list[tuple[str, ...]]:
        """A circle of derivations, if there's one: each model is derived from the next."""
        try:
            self.topological()
        except LineageError as error:
            cause = error.__cause__
            return [tuple(cause.args[1])] if isinstance(cause, CycleError) else []
        return []

    def common(self, one: str, other: str) -> list[str]:
        """The nearest common ancestors of two models: those that no other common one descends from.

        A model counts as its own ancestor.
        """
        shared = {one, *self.ancestors(one)} & {other, *self.ancestors(other)}
        above = {name for each in shared for name in self.ancestors(each)}
        return sorted(shared - above)

    def path(self, one: str, other: str) -> tuple[Derivation, ...]:
        """The fewest derivations that connect two models, in order, whatever their directions.

        Returns:
            The edges; none if the models are one, or aren't related.
        """
        self._check(other)
        came: dict[str, tuple[str, Derivation] | None] = {one: None}
        queue = deque([one])
        while queue and other not in came:
            name = queue.popleft()
            steps = [(edge.parent, edge) for edge in self.derivations_of(name)]
            steps += [(edge.child, edge) for edge in self.derivations_from(name)]
            for following, edge in steps:
                if following not in came:
                    came[following] = (name, edge)
                    queue.append(following)
        found: list[Derivation] = []
        step = came.get(other)
        while step:
            found.append(step[1])
            step = came[step[0]]
        return tuple(reversed(found))

    def roots(self) -> list[str]:
        """The models without parents, in the order of their names."""
        return sorted(name for name in self.models if name not in self._by_child)

    def restricted(self, names: Iterable[str]) -> Graph:
        """The graph of some of the models, and the derivations between them."""
        kept = set(names)
        models = {name: node for name, node in self.models.items() if name in kept}
        edges = tuple(edge for edge in self.derivations if edge.child in kept and edge.parent in kept)
        return Graph(models, edges, self.read_versions)

    def networkx(self) -> nx.MultiDiGraph[str]:
        """The graph for networkx: edges lead from parents to children, with all attributes.

        Raises:
            UsageError: networkx isn't installed.
        """
        try:
            import networkx
        except ImportError as error:
            raise UsageError("networkx isn't installed", "pip install 'git-theta[lineage]'") from error
        graph: nx.MultiDiGraph[str] = networkx.MultiDiGraph()
        for name, node in self.models.items():
            graph.add_node(name, **_attributes(asdict(node)))
        for edge in self.derivations:
            graph.add_edge(edge.parent, edge.child, **_attributes(asdict(edge)))
        return graph

    def _check(self, model: str) -> None:
        if model not in self.models:
            hint = did_you_mean(model, self.models) or "git theta ls-files lists the models"
            raise UsageError(f"there's no model {model!r} in the lineage", hint)


def _grouped(pairs: Iterable[tuple[str, Derivation]]) -> Mapping[str, tuple[Derivation, ...]]:
    groups: dict[str, list[Derivation]] = {}
    for name, edge in pairs:
        groups.setdefault(name, []).append(edge)
    return {name: tuple(edges) for name, edges in groups.items()}


def _reached(start: str, following: Callable[[str], Iterable[str]]) -> list[str]:
    """All that is reached from a start, without it, level by level."""
    found: dict[str, None] = {}
    queue = deque(following(start))
    while queue:
        name = queue.popleft()
        if name not in found and name != start:
            found[name] = None
            queue.extend(following(name))
    return list(found)


def _attributes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with a value: not all formats of graphs have null."""
    return {key: value for key, value in fields.items() if value not in (None, "", ())}
