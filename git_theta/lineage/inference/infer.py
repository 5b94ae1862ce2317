"""Likely parents of models, by all that their parameters tell; and no answer where that's too little."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_theta.lineage.inference.adapters import adapter_bases, is_adapter
from git_theta.lineage.inference.distances import measure_distances
from git_theta.lineage.inference.edge_weights import edge_weights
from git_theta.lineage.inference.families import alike_models, families
from git_theta.lineage.inference.family_edges import family_edges
from git_theta.lineage.inference.inferred_edge import InferredEdge
from git_theta.lineage.inference.sampled_model import SampledModel

#: The reason why nothing is said of a model that is far from all others.
_STRANGER = "no other model here is like it"


@dataclass(frozen=True, slots=True)
class Inference:
    """The lineage that parameters tell.

    Attributes:
        edges: Likely derivations.
        aliases: Groups of models with the same parameters; only the first of each is in edges.
        unknown: Path of a model → the reason why nothing is said about its parents. Origins of families have
            none, and are left out.
    """

    edges: tuple[InferredEdge, ...]
    aliases: tuple[tuple[str, ...], ...]
    unknown: Mapping[str, str]


def infer(models: Sequence[SampledModel]) -> Inference:
    """Infer the lineage of models."""
    distinct, aliases = _without_aliases(models)
    adapters = [model for model in distinct if is_adapter(model)]
    others = [model for model in distinct if not is_adapter(model)]
    edges: list[InferredEdge] = []
    unknown: dict[str, str] = {}
    for group in alike_models(others):
        members = [others[at] for at in group]
        if len(members) == 1:
            unknown[members[0].name] = _alone(members[0])
            continue
        distances = measure_distances(members)
        weights = edge_weights(members, distances)
        for family in families(distances):
            if len(family) == 1:
                unknown[members[family[0]].name] = _alone(members[family[0]])
            else:
                edges += family_edges(members, distances, weights, family)
    parents = {edge.child for edge in edges if edge.is_directed}
    for adapter in adapters:
        found = adapter_bases(adapter, others)
        roots = [base for base in found if base.name not in parents] if len(found) > 1 else found
        if len(roots) == 1:
            evidence = (f"its factors fit {len(found)} model{'s' if len(found) > 1 else ''}",)
            edges.append(InferredEdge(adapter.name, roots[0].name, "adapter", 1 / len(found), evidence))
        else:
            fits = f"its factors fit {len(found)} models" if found else "its factors fit no model here"
            unknown[adapter.name] = fits
    for same in aliases:
        if unknown.get(same[0]) == _STRANGER:
            unknown[same[0]] = "no model here is like it but those that are the same"
    return Inference(tuple(edges), tuple(aliases), unknown)


def _without_aliases(models: Sequence[SampledModel]) -> tuple[list[SampledModel], list[tuple[str, ...]]]:
    groups: dict[str, list[SampledModel]] = {}
    for model in models:
        groups.setdefault(model.model or model.name, []).append(model)
    ordered = [sorted(group, key=_age) for group in groups.values()]
    aliases = [tuple(model.name for model in group) for group in ordered if len(group) > 1]
    return sorted((group[0] for group in ordered), key=lambda model: model.name), aliases


def _age(model: SampledModel) -> tuple[float, str]:
    return (float("inf") if model.first_seen is None else model.first_seen, model.name)


def _alone(model: SampledModel) -> str:
    sampled = any(entry.digest in model.samples for entry in model.entries.values())
    return _STRANGER if sampled else "its values aren't here, and no other model here shares any"
