"""The structural change of a model as JSON, for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from git_theta.lineage.structure.comparison import StructureComparison
from git_theta.lineage.structure.divergence import FlowDifference
from git_theta.lineage.structure.match import StructureMatch
from git_theta.lineage.structure.module_graph import INPUT, OUTPUT, FlowEdge
from git_theta.lineage.structure.module_groups import ModuleChange
from git_theta.lineage.structure.module_tree import ModelModule, ModuleTree
from git_theta.report.side import Side
from git_theta.report.structure_change import StructureChange

#: The names of the ends of the flow of values.
_ENDS = {INPUT: "input", OUTPUT: "output"}


def structure_json(found: StructureChange) -> dict[str, Any]:
    """The structural change of a model as dictionaries and lists; every module that changed has an entry."""
    old, new = found.change.old, found.change.new
    comparison = found.comparison
    made: dict[str, Any] = {"path": old.path if new.absent else new.path}
    if comparison is None:
        return {**made, "old": _side(old, None), "new": _side(new, None), "divergence": None}
    match = comparison.match
    return {
        **made,
        "old": _side(old, match.old),
        "new": _side(new, match.new),
        "divergence": {
            "structural": comparison.structural.divergence,
            "contextual": comparison.contextual.divergence,
        },
        "unchanged": sum(
            match.old.modules[a].name == match.new.modules[b].name for a, b in match.equal.items()
        ),
        "modules": list(_modules(match)),
        "edges": _edges(comparison),
    }


def _side(side: Side, tree: ModuleTree | None) -> dict[str, Any] | None:
    if side.absent:
        return None
    return {
        "path": side.path,
        "modules": None if tree is None else len(tree.modules),
        "edges": None if tree is None else len(tree.flow),
        "problem": side.problem or None,
    }


def _modules(match: StructureMatch) -> Iterator[dict[str, Any]]:
    """Every module that was removed, added, moved, reshaped, or has other values."""
    olds, news = match.old.modules, match.new.modules
    yield from (_module(ModuleChange.REMOVED, olds[at], None) for at in match.removed)
    yield from (_module(ModuleChange.ADDED, None, news[at]) for at in match.added)
    yield from (_module(ModuleChange.MOVED, olds[a], news[b]) for a, b in match.moved.items())
    yield from (_module(ModuleChange.RESHAPED, olds[a], news[b]) for a, b in match.reshaped.items())
    for a, b in match.pairs.items():
        if a not in match.equal and olds[a].name == news[b].name:
            yield _module(ModuleChange.CHANGED, olds[a], news[b])


def _module(kind: ModuleChange, old: ModelModule | None, new: ModelModule | None) -> dict[str, Any]:
    return {
        "change": kind.value,
        "old": old and _described(old),
        "new": new and _described(new),
        "same_values": bool(old and new and old.content == new.content),
    }


def _described(module: ModelModule) -> dict[str, Any]:
    shapes = {name: list(shape) for name, shape in module.shapes}
    return {"name": module.name, "type": module.type, "parameters": shapes}


def _edges(comparison: StructureComparison) -> dict[str, Any]:
    """The edges that differ by structure, by name; by values, only how many."""
    match, structural = comparison.match, comparison.structural
    return {
        "removed": [_edge(match.old, edge) for edge in structural.removed],
        "added": [_edge(match.new, edge) for edge in structural.added],
        "contextual": _counts(comparison.contextual),
    }


def _counts(difference: FlowDifference) -> dict[str, int]:
    return {"removed": len(difference.removed), "added": len(difference.added)}


def _edge(tree: ModuleTree, edge: FlowEdge) -> list[str]:
    return [_ENDS[at] if at in _ENDS else tree.modules[at].name for at in edge]
