"""Changes of lineage records in the work tree."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from git_theta.errors import UsageError
from git_theta.git.lineage.read_graph import RecordFile, graph_of, record_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.tracked_text import tracked_place, write_tracked_text
from git_theta.lineage.graph import Derivation, Graph, LineageError
from git_theta.lineage.record import (
    LineageRecord,
    RecordedParent,
    RecordError,
    parse_record,
    record_path,
)
from git_theta.lineage.record_text import record_text
from git_theta.runtime.suggest import did_you_mean


def read_record(tree: LineageTree, model: str) -> LineageRecord | None:
    """The record of a model; `None` if there's none.

    Raises:
        RecordError: It isn't valid.
    """
    found = record_of(tree, model)
    if found is None:
        # It may be that of a model that isn't here any more.
        path = record_path(model)
        data = tree.record(path)
        return None if data is None else parse_record(data, path)
    if found.record is None:
        raise RecordError(found.problem, "mend it: git theta lineage edit")
    return found.record


def write_record(tree: LineageTree, model: str, record: LineageRecord) -> str:
    """Write the record of a model into the work tree; its path.

    Comments, and keys that this program doesn't know, stay as they are. If the model has moved, its record
    moves, too.

    Raises:
        RecordError: The old record isn't valid TOML.
        UsageError: The record's place is a link, or can't be written.
    """
    path, old = record_path(model), record_of(tree, model)
    write_text(tree, path, _checked_text(tree, model, record, old))
    if old and old.path != path:
        _delete(tree, old.path)
    return path


def check_record(tree: LineageTree, model: str, record: LineageRecord) -> bytes:
    """The text of a model's record, if it can be read back, and be written to its place.

    Raises:
        RecordError: The old record isn't valid TOML, or the new one would be larger than any may be.
        UsageError: The record's place is a link, or its name is too long.
    """
    return _checked_text(tree, model, record, record_of(tree, model))


def _checked_text(tree: LineageTree, model: str, record: LineageRecord, old: RecordFile | None) -> bytes:
    text = record_text(record, (tree.record(old.path) if old else None) or b"")
    path = record_path(model)
    parse_record(text, path)
    try:
        place = tracked_place(tree.repository.root, path)
        if place.is_dir():
            raise UsageError(f"{path} is a folder, and would be a record", "rename the model or the folder")
        with suppress(FileNotFoundError):
            os.lstat(place)
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error
    return text


def write_text(tree: LineageTree, path: str, text: bytes) -> None:
    """Write a record's text into the work tree, given the record's own path.

    Raises:
        UsageError: The record's place is a link, or can't be written.
    """
    write_tracked_text(tree.repository.root, path, text)


def delete_record(tree: LineageTree, model: str) -> str:
    """Delete the record of a model from the work tree, with folders that are empty then; its path."""
    old = record_of(tree, model)
    path = old.path if old else record_path(model)
    _delete(tree, path)
    return path


def _delete(tree: LineageTree, path: str) -> None:
    place = tracked_place(tree.repository.root, path)
    place.unlink(missing_ok=True)
    with suppress(OSError):
        for folder in list(place.parents)[: path.count("/") - 1]:
            folder.rmdir()


def find_name(tree: LineageTree, path: str) -> str:
    """The name of a model that a user's path, from the top, stands for.

    The path may be that of a file or of the index of its shards, or that of a folder with one model.

    Raises:
        UsageError: There's no such model in the index, or there are several.
    """
    path = path.rstrip("/")
    if path in tree.models:
        return path
    inside = [
        name
        for name, parts in tree.models.items()
        if path in parts.files or path == parts.index or name.rpartition("/")[0] == path
    ]
    if len(inside) == 1:
        return inside[0]
    if inside:
        raise UsageError(f"{path} has several models: {', '.join(inside[:3])}", "name one of them")
    hint = did_you_mean(path, tree.models) or "track it and add it first: git theta track, git add"
    raise UsageError(f"{path} isn't a model that Git has", hint)


def find_parent(tree: LineageTree, word: str, path: str) -> RecordedParent:
    """A parent as a user names it: a model of the index by its path, or one elsewhere by its URI.

    Args:
        tree: The index.
        word: The user's word.
        path: The same as a path from the top.

    Raises:
        UsageError: It's neither.
    """
    scheme, colon, _ = word.partition(":")
    if colon and scheme.isidentifier() and "/" not in scheme and path not in tree.models:
        return RecordedParent(uri=word)
    name = find_name(tree, path)
    return RecordedParent(path=name, model=tree.facts(name).model)


def add_parents(
    tree: LineageTree,
    child: str,
    parents: Sequence[RecordedParent],
    relation: str = "",
    why: str = "",
    frozen: Sequence[str] = (),
    *,
    inferred: bool = False,
    graph: Graph | None = None,
) -> str:
    """Record that a model was made from others, beside what its record says already; the record's path.

    Args:
        tree: The index.
        child: Name of the model.
        parents: The parents; of those that the record has already, the version is that of now.
        relation: The kind of derivation; empty to leave it as it is.
        why: The reason; empty to leave it as it is.
        frozen: More patterns of parameters that are promised to be as in a parent.
        inferred: Whether a program found the parents. Parents that a program found before make room for them,
            and for those that somebody names.
        graph: The graph of the tree, if it's at hand.

    Raises:
        LineageError: The model would be derived from itself.
        RecordError: The old record isn't valid.
        UsageError: The record can't be written.
    """
    old = read_record(tree, child) or LineageRecord()
    if old.is_inferred:
        old = replace(old, parents=(), relation="", why="")
    names = {parent.name: parent for parent in old.parents}
    for parent in parents:
        # What is said about the parent alone holds until it's said anew.
        known = "" if relation or parent.name not in names else names[parent.name].relation
        names[parent.name] = replace(parent, relation=parent.relation or known)
    check_circles(graph or graph_of(tree), child, [parent.path for parent in parents if parent.path])
    record = replace(
        old,
        relation=relation or old.relation,
        model=tree.facts(child).model,
        parents=tuple(names.values()),
        why=why or old.why,
        frozen=tuple(dict.fromkeys((*old.frozen, *frozen))),
        is_inferred=inferred,
    )
    return write_record(tree, child, record)


def remove_parents(tree: LineageTree, child: str, parents: Sequence[str]) -> str:
    """Take parents out of the record of a model, or the whole record if none are given; the record's path.

    Raises:
        UsageError: There's no record, or it doesn't have such a parent.
    """
    record = read_record(tree, child)
    if record is None:
        raise UsageError(f"{child} has no record", "git theta lineage show lists what is known")
    known = {parent.name: parent for parent in record.parents}
    for name in parents:
        if name not in known:
            hint = f"it has {', '.join(known)}" if known else ""
            raise UsageError(f"the record of {child} has no parent {name}", hint)
    rest = tuple(parent for name, parent in known.items() if name not in parents)
    if not parents or (not rest and record.run is None):
        return delete_record(tree, child)
    return write_record(tree, child, replace(record, parents=rest))


def check_circles(graph: Graph, child: str, parents: Sequence[str]) -> None:
    """Check that a model isn't derived from itself once it has more parents.

    Raises:
        LineageError: It would be.
    """
    for parent in parents:
        if parent == child:
            raise LineageError(
                f"{child} can't be derived from itself", "versions of a model are in Git's history"
            )
        if parent in graph.descendants(child):
            steps = " from ".join(_chain(graph.path(child, parent), child))
            raise LineageError(f"{parent} is derived from {child} already: {steps}")


def _chain(edges: Sequence[Derivation], start: str) -> list[str]:
    names = [start]
    for edge in edges:
        names.append(edge.parent if edge.child == names[-1] else edge.child)
    return list(reversed(names))
