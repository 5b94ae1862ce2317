"""`git theta lineage verify`: the statements of a version's lineage, checked against its bytes."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from git_theta.errors import ThetaError
from git_theta.git.lineage.parent_version import UnknownVersionError, parent_version
from git_theta.git.lineage.read_graph import RecordFile, graph_of, lost_records, records_of_models
from git_theta.git.lineage.tree import LineageTree
from git_theta.lineage.checks import CheckedModel, frozen_problems, relation_problems
from git_theta.lineage.graph import Derivation, Graph
from git_theta.lineage.record import BLOB


@dataclass(frozen=True, slots=True)
class CheckedDerivation:
    """An edge, and sentences about its faults.

    Attributes:
        derivation: The edge.
        problems: Sentences about what the bytes contradict.
        unknown: Sentences about what can't be checked.
    """

    derivation: Derivation
    problems: tuple[str, ...]
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of checking a lineage.

    Attributes:
        edges: Every edge that was checked.
        models: Path of a model, or of a record → sentences about its faults.
    """

    edges: tuple[CheckedDerivation, ...]
    models: dict[str, tuple[str, ...]]

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.models and not any(edge.problems for edge in self.edges)


def verify(tree: LineageTree, chosen: Collection[str] = ()) -> Verification:
    """Check the lineage of a version.

    Args:
        tree: The version.
        chosen: Names of models whose derivations are checked; all if there are none.

    Raises:
        UsageError: The folder of records is a link.
    """
    graph = graph_of(tree)
    names = [name for name in graph.models if not chosen or name in chosen]
    edges = [edge for name in names for edge in _checked(tree, graph, name)]
    records = records_of_models(tree)
    models = {name: tuple(_model_problems(tree, graph, name, records.get(name))) for name in names}
    if not chosen:
        for circle in graph.cycles():
            models[circle[0]] = (*models[circle[0]], f"derived from itself: {' from '.join(circle)}")
        for file in lost_records(tree):
            models[file.path] = (file.problem or f"its model, {file.model}, isn't in this version",)
    return Verification(tuple(edges), {name: told for name, told in models.items() if told})


def _model_problems(tree: LineageTree, graph: Graph, name: str, file: RecordFile | None) -> Iterator[str]:
    """Faults of a model's record as a whole."""
    node = graph.models[name]
    if name not in tree.models:
        # Missing parents are problems of the edges that lead to them.
        return
    yield from node.problems
    run = file.record.run if file and file.record else None
    for path, blob in sorted(run.inputs.items()) if run else ():
        now = tree.files.get(path)
        if now is None:
            yield f"input {path} isn't in this version"
        elif blob.startswith(BLOB) and blob != f"{BLOB}{now}":
            yield f"input {path} has changed since"


def _checked(tree: LineageTree, graph: Graph, name: str) -> Iterator[CheckedDerivation]:
    edges = graph.derivations_of(name)
    if not edges:
        return
    problems: dict[str, list[str]] = {edge.parent: [] for edge in edges}
    unknown: dict[str, list[str]] = {edge.parent: [] for edge in edges}
    parents: dict[str, CheckedModel] = {}
    child = _model(tree, name)
    for edge in edges:
        try:
            parents[edge.parent] = CheckedModel(edge.parent, parent_version(tree, graph, edge).manifests)
        except UnknownVersionError as error:
            unknown[edge.parent].append(str(error))
        except ThetaError as error:
            problems[edge.parent].append(error.message)
    if child is None:
        yield from (CheckedDerivation(edge, ("the model can't be read",)) for edge in edges)
        return
    for edge in edges:
        here = [parents[edge.parent]] if edge.parent in parents else []
        problems[edge.parent] += relation_problems(edge.relation, child, here, len(edges))
    broken = tuple(frozen_problems(edges[0].frozen, child, list(parents.values()))) if parents else ()
    if edges[0].frozen and not parents:
        unknown[edges[0].parent].append("no parent is here to compare frozen parameters with")
    problems[edges[0].parent] += broken
    for edge in edges:
        yield CheckedDerivation(edge, tuple(problems[edge.parent]), tuple(unknown[edge.parent]))


def _model(tree: LineageTree, name: str) -> CheckedModel | None:
    try:
        return CheckedModel(name, tree.manifests(name))
    except ThetaError:
        return None
