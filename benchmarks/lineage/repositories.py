"""Repositories of git-theta with the models of a graph, a commit for each step in which they were made."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.lineage.shapes.library import Graph
    from benchmarks.sandbox import Home, Repository


def repository_of(graph: Graph, home: Home, name: str, *, at_once: bool = False) -> Repository:
    """A new repository with the models of a graph.

    Args:
        graph: The graph.
        home: Of git-theta.
        name: The name of the folder.
        at_once: Whether all models are committed together, so that history tells nothing about them.
    """
    repository = home.repository(name)
    steps = [[model for step in graph.steps for model in step]] if at_once else graph.steps
    for step in steps:
        for model in step:
            target = repository.path / model.path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(graph.folder / model.path, target)
        repository.git("add", "--all")
        repository.git("commit", "--quiet", "--message", "models")
    return repository


def inferred(repository: Repository) -> dict[tuple[str, str], bool]:
    """Pairs of child and parent that `git theta lineage infer` finds → whether it tells the direction."""
    found: Any = json.loads(repository.git("theta", "lineage", "infer", "--json"))
    return {(edge["child"], edge["parent"]): edge["directed"] for edge in found["edges"]}
