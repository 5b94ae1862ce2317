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
    commit_all(graph, repository, at_once=at_once)
    return repository


def commit_all(graph: Graph, repository: Repository, prefix: str = "", *, at_once: bool = False) -> None:
    """Commit the models of a graph.

    Args:
        graph: The graph.
        repository: The repository.
        prefix: What the models' paths begin with.
        at_once: As for `repository_of`.
    """
    steps = [[model for step in graph.steps for model in step]] if at_once else graph.steps
    for step in steps:
        for model in step:
            target = repository.path / f"{prefix}{model.path}"
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(graph.folder / model.path, target)
        repository.git("add", "--all")
        repository.git("commit", "--quiet", "--message", "models")


def inferred(repository: Repository) -> dict[tuple[str, str], bool]:
    """Pairs of child and parent that `git theta lineage infer` finds → whether it tells the direction."""
    found: Any = json.loads(repository.git("theta", "lineage", "infer", "--json"))
    return {(edge["child"], edge["parent"]): edge["directed"] for edge in found["edges"]}
