"""How well lineage is inferred from parameters, beside MoTHer: of trained models and generated families."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.lineage.figure import Figure
from benchmarks.lineage.mother import mother
from benchmarks.lineage.repositories import commit_all, inferred, repository_of
from benchmarks.lineage.scores import Scores, families, scores
from git_theta.api import load
from git_theta.lineage.inference.infer import infer
from tests.helpers.families import random_family, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from benchmarks.lineage.shapes.library import Graph
    from benchmarks.sandbox import Home

    Models = Mapping[str, Mapping[str, NDArray[Any]]]
    Edge = tuple[str, str]

#: Targets: the adjusted Rand index of families, F1 of edges, the share of right directions.
_FAMILIES, _EDGES, _DIRECTIONS = 0.98, 0.95, 0.9

_TREES, _MODELS = 30, 50


def graph_figures(graph: Graph, home: Home) -> Iterator[Figure]:
    """Scores for trained models: with their history, without it, and MoTHer's."""
    models = [model.path for model in graph.models]
    for words, at_once in (("", False), (", one commit", True)):
        name = f"{graph.name}-once" if at_once else graph.name
        repository = repository_of(graph, home, name, at_once=at_once)
        found = scores(models, graph.edges, inferred(repository))
        yield from _figures(f"{graph.name}{words}", found, are_targets=not at_once)
        repository.remove()
    yield from _mother_figures(graph.name, _matrices(graph), graph.edges)


def together(graphs: Sequence[Graph], home: Home) -> Iterator[Figure]:
    """Scores for trained models of several graphs in one repository."""
    repository = home.repository("together")
    for graph in graphs:
        commit_all(graph, repository, f"{graph.name}/")
    models = [f"{graph.name}/{model.path}" for graph in graphs for model in graph.models]
    edges = {(f"{each.name}/{one}", f"{each.name}/{other}") for each in graphs for one, other in each.edges}
    found = scores(models, edges, inferred(repository))
    yield Figure("all graphs together: families, ARI", found.families, least=_FAMILIES)
    yield from _figures("all graphs together", found, are_targets=True)
    repository.remove()


def tree_figures(trees: int = _TREES) -> Iterator[Figure]:
    """Scores for generated families of one structure, all in one place, with and without their history."""
    drawn = [random_family(seed, _MODELS, prefix=f"{seed}.") for seed in range(trees)]
    models = {name: arrays for family in drawn for name, arrays in family.models.items()}
    edges = {edge for family in drawn for edge in family.edges}
    for words, with_time in (("", True), (", one commit", False)):
        ages = {name: number for number, name in enumerate(models)} if with_time else {}
        found = infer([sampled(name, arrays, ages.get(name)) for name, arrays in models.items()])
        told = {(edge.child, edge.parent): edge.is_directed for edge in found.edges}
        agreement = scores(list(models), edges, told)
        yield Figure(f"{trees} trees{words}: families, ARI", agreement.families, least=_FAMILIES)
        yield from _figures(f"{trees} trees{words}", agreement, are_targets=with_time)
    floats = {
        name: {key: array.astype("f4") for key, array in arrays.items() if array.ndim > 1}
        for name, arrays in drawn[0].models.items()
    }
    yield from _mother_figures("1 tree", floats, drawn[0].edges)


def _figures(name: str, found: Scores, *, are_targets: bool) -> Iterator[Figure]:
    edges, directions = (_EDGES, _DIRECTIONS) if are_targets else (None, None)
    yield Figure(f"{name}: edges, F1", found.edges, least=edges, remark=f"abstained {found.abstained:.0%}")
    told = f"told {found.told:.0%}"
    if not np.isnan(found.directions):
        yield Figure(f"{name}: directions", found.directions, least=directions, remark=told)


def _mother_figures(name: str, models: Models, edges: set[Edge]) -> Iterator[Figure]:
    names = list(models)
    truth = {edge for edge in edges if set(edge) <= models.keys()}
    count = len(set(families(names, truth)))
    results = [scores(names, truth, dict.fromkeys(mother(models, count, sign), True)) for sign in (1, -1)]
    yield from _figures(f"{name}, MoTHer", max(results, key=lambda each: each.directions), are_targets=False)


def _matrices(graph: Graph) -> dict[str, dict[str, NDArray[Any]]]:
    """The matrices of all models but adapters, as float32."""
    found = {}
    for model in graph.models:
        if model.relation != "adapter":
            arrays = load(graph.folder / model.path)
            found[model.path] = {
                name: np.asarray(array, np.float32) for name, array in arrays.items() if array.ndim > 1
            }
    return found
