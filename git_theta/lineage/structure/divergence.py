"""Divergence of two models: which share of the edges of their graphs isn't in both.

The definition is that of MGit (Hao et al., "MGit: A Model Versioning and Management System", ICML 2024;
`divergence` in `utils/lineage/graph.py` of github.com/msr-fiddle/mgit): (added + deleted edges) / (edges of
both models), with edges of the flow of values; 0 for equal models, 1 for models that have nothing in common.
MGit traces a model's code, and takes the smaller result of both directions. Here names tell the graph, and
both directions have one match of modules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from git_theta.lineage.structure.match import StructureMatch
from git_theta.lineage.structure.module_graph import INPUT, OUTPUT, FlowEdge


@dataclass(frozen=True, slots=True)
class FlowDifference:
    """The edges of two models that differ.

    Attributes:
        removed: Edges of the old model that the new one doesn't have.
        added: Edges of the new model that the old one doesn't have.
        edges: The number of edges of both models together.
    """

    removed: tuple[FlowEdge, ...]
    added: tuple[FlowEdge, ...]
    edges: int

    @property
    def divergence(self) -> float:
        """The share of edges that differ, from 0 to 1; 0 for two models without modules."""
        return (len(self.removed) + len(self.added)) / self.edges if self.edges else 0.0


def structural_difference(match: StructureMatch) -> FlowDifference:
    """The edges that differ where modules of the same types and shapes count as one."""
    return _difference(match, match.pairs)


def contextual_difference(match: StructureMatch) -> FlowDifference:
    """The edges that differ where modules of the same types, shapes and values count as one."""
    return _difference(match, match.equal)


def _difference(match: StructureMatch, pairs: Mapping[int, int]) -> FlowDifference:
    """The edges whose ends aren't both among these pairs, or aren't connected in the other model."""
    partners = {INPUT: INPUT, OUTPUT: OUTPUT, **pairs}
    news = set(match.new.flow)
    kept = {
        edge: (partners[edge[0]], partners[edge[1]])
        for edge in match.old.flow
        if edge[0] in partners and edge[1] in partners
    }
    kept = {edge: other for edge, other in kept.items() if other in news}
    found = set(kept.values())
    return FlowDifference(
        tuple(edge for edge in match.old.flow if edge not in kept),
        tuple(edge for edge in match.new.flow if edge not in found),
        len(match.old.flow) + len(match.new.flow),
    )
