"""Likely derivations within a family: copies, merges, and a tree of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.lineage.inference.cues import Cue, cues, is_rounded, rounding_error
from git_theta.lineage.inference.distances import Distances
from git_theta.lineage.inference.edge_weights import STRANGERS
from git_theta.lineage.inference.family_merges import merges_among
from git_theta.lineage.inference.federation import continued
from git_theta.lineage.inference.forest import Weight, oriented, spanning_tree
from git_theta.lineage.inference.inferred_edge import InferredEdge
from git_theta.lineage.inference.mixtures import Mixture
from git_theta.lineage.inference.outputs import made_together
from git_theta.lineage.inference.sampled_model import SampledModel

if TYPE_CHECKING:
    from git_theta.lineage.inference.distances import Matrix

#: A model is taken for one made from a merge if its distance from that is such a share of its next distance.
_NEARER = 0.97

#: The distance that rounding to a narrower dtype alone makes.
_ROUNDING = 0.01


def family_edges(
    models: Sequence[SampledModel], distances: Distances, weights: Matrix, members: Sequence[int]
) -> Iterator[InferredEdge]:
    """The likely derivations of a family.

    Args:
        models: The models of a group.
        distances: Their distances.
        weights: The distances with what else is known of models; see `edge_weights`.
        members: Indices of the family's models.
    """
    yield from _Family(models, distances, weights, members).edges()


@dataclass(frozen=True)
class _Family:
    """A family of a group of models.

    Attributes:
        models: The models of the group.
        distances: Their distances.
        weights: The distances, where equal values count under whatever names they are.
        members: Indices of the family's models.
    """

    models: Sequence[SampledModel]
    distances: Distances
    weights: Matrix
    members: Sequence[int]

    def edges(self) -> Iterator[InferredEdge]:
        copies = self._copies()
        for copy, original in sorted(copies.items()):
            yield self._edge(copy, original, True)
        originals = [at for at in self.members if at not in copies]
        ages = [model.first_seen for model in self.models]
        mixtures = merges_among(self.distances, ages, originals)
        for mixture in mixtures.values():
            yield from self._merge(mixture)
        plain = [at for at in originals if at not in mixtures]
        first = self._first(plain)
        groups = made_together(self.distances, ages, plain)
        single = [at for at in plain if groups.get(at, at) == at]
        tree = spanning_tree(single, self._weight_of_groups(groups), {at: ages[at] for at in single})
        votes = {(one, other): self._vote(one, other) for one, other in tree}
        parents = self._of_groups(oriented(tree, votes, first), groups)
        rounds = continued(parents, mixtures, ages)
        for child, (parent, known) in sorted(parents.items()):
            merge = rounds.get(child, self._made_from(child, parents, mixtures))
            yield self._edge(child, parent, known) if merge is None else self._edge(child, merge, True)

    def _of_groups(
        self, parents: Mapping[int, tuple[int, bool]], groups: Mapping[int, int]
    ) -> dict[int, tuple[int, bool]]:
        """Parents of all members, given those in a tree that has one member of each group made together.

        The others of a group have the same parent. A child of the group is that of its nearest member.
        """
        found = dict(parents)
        for child, (parent, known) in parents.items():
            group = [at for at, chosen in groups.items() if chosen == parent]
            if group:
                found[child] = (min(group, key=lambda at: (self._weight(child, at), at)), known)
        for at, chosen in groups.items():
            if at != chosen:
                found[at] = found.get(chosen, (chosen, False))
        return found

    def _weight(self, one: int, other: int) -> float:
        return float(self.weights[one, other])

    def _weight_of_groups(self, groups: Mapping[int, int]) -> Weight:
        """Weighs the nearest members of groups made together, given by those that stand for them."""
        import numpy as np

        members = {
            first: [at for at, chosen in groups.items() if chosen == first] for first in groups.values()
        }

        def weight(one: int, other: int) -> float:
            return float(self.weights[np.ix_(members.get(one, [one]), members.get(other, [other]))].min())

        return weight if groups else self._weight

    def _copies(self) -> dict[int, int]:
        """Models that are others, rounded → the original: so near to it that nothing is made from them."""
        found = {}
        # Most models have the dtypes of many others: each two kinds are compared once.
        numbers: dict[object, int] = {}
        kinds = {at: numbers.setdefault(self.models[at].types, len(numbers)) for at in self.members}
        rounded: dict[tuple[int, int], bool] = {}
        for child in self.members:
            one = self.models[child]
            more_precise = []
            for at in self.members:
                key = kinds[child], kinds[at]
                if key not in rounded:
                    rounded[key] = is_rounded(one, self.models[at])
                if rounded[key]:
                    more_precise.append(at)
            original = min(more_precise, key=lambda at: (self._weight(child, at), at), default=None)
            if original is not None and self.distances.distance[child, original] < rounding_error(one):
                found[child] = original
        return found

    def _first(self, members: Sequence[int]) -> int | None:
        """The one member that history has before all others; `None` if it's not known or not one."""
        ages = [self.models[at].first_seen for at in members]
        known = [age for age in ages if age is not None]
        if len(known) < len(members) or known.count(min(known)) > 1:
            return None
        return members[ages.index(min(known))]

    def _vote(self, one: int, other: int) -> int:
        cue = next(cues(self.models[one], self.models[other]), None)
        return 0 if cue is None else -1 if cue.child else 1

    def _made_from(
        self, child: int, parents: Mapping[int, tuple[int, bool]], mixtures: Mapping[int, Mixture]
    ) -> int | None:
        """The merge that a model was made from, if it's nearer than the parent in the tree.

        The origin of the parents of a merge is near to it as well. It connects them, which a model that was
        made from the merge doesn't.
        """
        limit = _NEARER * self._weight(child, parents[child][0])
        mine = self.models[child].first_seen
        near = []
        for at, mixture in mixtures.items():
            age = self.models[at].first_seen
            if mine is not None and age is not None and age > mine:
                continue
            below = {_is_below(child, parent, parents) for parent in mixture.weights}
            if below == {False} and self._weight(child, at) < limit:
                near.append(at)
        return min(near, key=lambda at: (self._weight(child, at), at), default=None)

    def _merge(self, mixture: Mixture) -> Iterator[InferredEdge]:
        for parent, weight in sorted(mixture.weights.items()):
            evidence = (f"weight {weight:.3g}", f"{mixture.left:.2%} of the squared distance is left")
            yield InferredEdge(
                self.models[mixture.child].name,
                self.models[parent].name,
                "merge",
                round(1 - mixture.left, 4),
                evidence,
            )

    def _edge(self, child: int, parent: int, known: bool) -> InferredEdge:
        one, other = self.models[child], self.models[parent]
        found = list(cues(one, other))
        distance, shared = (
            float(self.distances.distance[child, parent]),
            float(self.distances.shared[child, parent]),
        )
        evidence = [f"{shared:.0%} of its bytes are equal"] if shared else []
        evidence += [f"distance {distance:.3g}"] if distance < STRANGERS else []
        evidence += [cue.text for cue in found if cue.child] if known else []
        relation = _relation(found, distance) if known else "finetune"
        rest = [self._weight(child, at) for at in self.members if at not in (child, parent)]
        weight, following = self._weight(child, parent), min(rest, default=STRANGERS)
        confidence = max(0.1, 1 - weight / following) if following else 0.1
        return InferredEdge(one.name, other.name, relation, round(confidence, 4), tuple(evidence), known)


def _relation(found: Sequence[Cue], distance: float) -> str:
    stated = next((cue.relation for cue in found if cue.child and cue.relation), "")
    if stated:
        return stated
    less_precise = any(cue.child and "less precise" in cue.text for cue in found)
    return "cast" if less_precise and distance < _ROUNDING else "finetune"


def _is_below(above: int, model: int, parents: Mapping[int, tuple[int, bool]]) -> bool:
    """Whether a model is another one, or below it in the tree; merges aren't in the tree."""
    at: int | None = model
    while at is not None:
        if at == above:
            return True
        at = parents[at][0] if at in parents else None
    return False
