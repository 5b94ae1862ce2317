"""The lineage graph of a version of the repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from git_theta.errors import ThetaError, UsageError
from git_theta.git.lineage.model_versions import model_versions
from git_theta.git.lineage.moved_models import moved_models
from git_theta.git.lineage.stated_edges import stated_edges
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository
from git_theta.lineage.graph import Derivation, Graph, ModelNode
from git_theta.lineage.record import LineageRecord, RecordedParent, RecordError, parse_record, record_path

#: The source of edges that records state.
RECORDED = "recorded"

#: The source of edges in records that `git theta lineage infer` wrote.
INFERRED = "inferred"

#: The relation of an edge whose record says none.
UNSTATED = "derived"


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A record of a version.

    Attributes:
        model: Path of the model that it's of.
        path: Its own path.
        record: Its content; `None` if it isn't valid.
        problem: The reason why it isn't valid; else empty.
    """

    model: str
    path: str
    record: LineageRecord | None
    problem: str = ""


def read_graph(repository: Repository, rev: str | None = None) -> Graph:
    """The lineage graph of the index, with records as they're in the work tree; or of a revision.

    Raises:
        UsageError: There's no such revision, or a record isn't a regular file.
    """
    with LineageTree(repository, rev) as tree:
        return graph_of(tree)


def graph_of(tree: LineageTree) -> Graph:
    """The lineage graph of a version; see `read_graph`."""
    nodes = {name: _node(tree, name) for name in tree.models}
    files = read_records(tree)
    names = _names(tree, nodes, files)
    edges: list[Derivation] = []
    problems: dict[str, list[str]] = {}
    for file in _at_their_models(files, names):
        if file.record is None:
            problems.setdefault(file.model, []).append(file.problem)
            continue
        record = file.record
        own = nodes[file.model].model
        if record.model and own and record.model != own:
            problems.setdefault(file.model, []).append(f"{file.path} was made for another version of it")
        edges += [_edge(file.model, record, parent, nodes, names) for parent in record.parents]
    for stated in stated_edges(tree, {edge.child for edge in edges}):
        if isinstance(stated, Derivation):
            edges.append(stated)
        else:
            problems.setdefault(stated[0], []).append(stated[1])
    distinct = {(edge.child, edge.parent): edge for edge in reversed(edges)}
    kept = tuple(distinct[key] for key in dict.fromkeys((edge.child, edge.parent) for edge in edges))
    models = dict(nodes)
    for name, told in problems.items():
        models[name] = replace(models[name], problems=(*models[name].problems, *told))
    for edge in kept:
        if edge.parent not in models:
            models[edge.parent] = _absent(edge.parent)
    repository, rev = tree.repository, tree.rev
    return Graph(models, kept, lambda path: model_versions(repository, path, rev or "HEAD"))


def read_records(tree: LineageTree) -> list[RecordFile]:
    """The records of a version, also of models that it doesn't have."""
    found = (_read_record(tree, model, path) for model, path in tree.records())
    return [file for file in found if file]


def _read_record(tree: LineageTree, model: str, path: str) -> RecordFile | None:
    """The record at a path; `None` if there's none."""
    try:
        data = tree.record(path)
        return None if data is None else RecordFile(model, path, parse_record(data, path))
    except (RecordError, UsageError) as error:
        return RecordFile(model, path, None, error.message)


def record_of(tree: LineageTree, model: str) -> RecordFile | None:
    """The record of a model, which may still be at the place of a path that the model had before."""
    if model not in tree.models:
        return None
    own = _read_record(tree, model, record_path(model))
    # Only records whose models aren't there may be of another one: all are seldom read for one model.
    if own or all(name in tree.models for name, _ in tree.records()):
        return own
    return records_of_models(tree).get(model)


def records_of_models(tree: LineageTree) -> dict[str, RecordFile]:
    """Path → record, of every model that has one; see `record_of`."""
    nodes = {name: _node(tree, name) for name in tree.models}
    files = read_records(tree)
    return {file.model: file for file in _at_their_models(files, _names(tree, nodes, files))}


def lost_records(tree: LineageTree) -> list[RecordFile]:
    """The records whose model the version doesn't have, under any path."""
    nodes = {name: _node(tree, name) for name in tree.models}
    files = read_records(tree)
    at_models = {file.path for file in _at_their_models(files, _names(tree, nodes, files))}
    return [file for file in files if file.path not in at_models]


def _names(tree: LineageTree, nodes: Mapping[str, ModelNode], files: Iterable[RecordFile]) -> _Names:
    """The names of the models that records are of, and of the parents that they name."""
    by_digest = _by_digest(nodes.values())
    records = [file for file in files if file.record]
    named = [(file.model, file.record.model) for file in records if file.record]
    named += [(each.path, each.model) for file in records if file.record for each in file.record.parents]
    lost = {path for path, digest in named if path and path not in nodes and digest not in by_digest}
    return _Names(nodes, by_digest, moved_models(tree, lost))


@dataclass(frozen=True, slots=True)
class _Names:
    """Names of models by the paths in records, which they may have had before they moved.

    Attributes:
        nodes: Name → model, of those that are there.
        by_digest: Digest of a model → names.
        moved: Path → name, as the renames in history say.
    """

    nodes: Mapping[str, ModelNode]
    by_digest: Mapping[str, list[str]]
    moved: Mapping[str, str]

    def candidates(self, path: str, digest: str) -> list[str]:
        """The models that may have had a path: itself; those with the same parameters; that of a rename."""
        if path in self.nodes:
            return [path]
        moved = [self.moved[path]] if path in self.moved else []
        return self.by_digest.get(digest) or moved


def _at_their_models(files: Iterable[RecordFile], names: _Names) -> list[RecordFile]:
    """Records of the models that are there. That of a moved model follows it."""
    files = list(files)
    found = [file for file in files if file.model in names.nodes]
    taken = {file.model for file in found}
    for file in files:
        if file.model not in names.nodes and file.record:
            places = [name for name in names.candidates(file.model, file.record.model) if name not in taken]
            if len(places) == 1:
                found.append(replace(file, model=places[0]))
                taken.add(places[0])
    return found


def _edge(
    child: str,
    record: LineageRecord,
    parent: RecordedParent,
    nodes: Mapping[str, ModelNode],
    names: _Names,
) -> Derivation:
    name = parent.name
    if parent.path:
        name = next((each for each in names.candidates(parent.path, parent.model) if each != child), name)
    now = nodes[name].model if name in nodes else ""
    is_current = parent.model == now if parent.model and now else None
    return Derivation(
        child,
        name,
        parent.relation or record.relation or UNSTATED,
        INFERRED if record.is_inferred else RECORDED,
        record.why,
        parent.model,
        is_current,
        record.frozen,
    )


def _by_digest(nodes: Iterable[ModelNode]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for node in nodes:
        if node.model:
            found.setdefault(node.model, []).append(node.path)
    return found


def _node(tree: LineageTree, name: str) -> ModelNode:
    parts = tree.models[name]
    problems = (parts.problem,) if parts.problem else ()
    try:
        facts = tree.facts(name)
    except ThetaError as error:
        return ModelNode(name, files=parts.files, problems=(*problems, error.message))
    return ModelNode(
        name, facts.model, facts.format, facts.parameters, facts.size, parts.files, problems=problems
    )


def _absent(name: str) -> ModelNode:
    """A parent that the version doesn't have."""
    if ":" in name.partition("/")[0]:
        return ModelNode(name, is_external=True)
    return ModelNode(name, problems=("it isn't in this version",))
