"""Likely parents of models, by all that their parameters tell; and no answer where that's too little."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from git_theta.lineage.inference.adapters import adapter_bases, is_adapter
from git_theta.lineage.inference.cues import Cue, cues, is_rounded, rounding_error
from git_theta.lineage.inference.distances import Distances, measure_distances
from git_theta.lineage.inference.families import alike_models, families, mutual
from git_theta.lineage.inference.federation import continued
from git_theta.lineage.inference.forest import Weight, oriented, spanning_tree
from git_theta.lineage.inference.mixtures import Mixture, find_pair, find_sum
from git_theta.lineage.inference.outputs import made_together
from git_theta.lineage.inference.sampled_model import SampledModel

if TYPE_CHECKING:
    from git_theta.lineage.inference.distances import Matrix

#: The reason why nothing is said of a model that is far from all others.
_STRANGER = "no other model here is like it"

#: The distance of strangers.
_STRANGERS = 1.4

#: The part of a distance that counts between models whose elements are all equal but for zeros.
_BY_DISTANCE = 0.001

#: The share of elements that are equal where a model was pruned, or a few elements were changed. Training
#: leaves some as they are as well, and more of those that are left by more pruning.
_ALL_BUT_FEW = 0.9

#: The distance that elements are taken to have that can't be compared.
_UNSEEN = 0.3

#: Of two models about as near, that with the same names and shapes is the nearer one, by this factor.
_OTHER_STRUCTURE = 1.03

#: A model is taken for one made from a merge if its distance from that is such a share of its next distance.
_NEARER = 0.97

#: The groups of models that came together, the last ones before a model, of which it may be a mean.
_ROUNDS = 3

#: The distance that rounding to a narrower dtype alone makes.
_ROUNDING = 0.01


@dataclass(frozen=True, slots=True)
class InferredEdge:
    """A likely derivation.

    Attributes:
        child: Path of the model that was made.
        parent: Path of the model that it was made from.
        relation: The kind of derivation.
        confidence: From 0 to 1: how much nearer the parent is than the next model.
        evidence: Reasons in words.
        is_directed: Whether it's known which of the two is the child.
    """

    child: str
    parent: str
    relation: str
    confidence: float
    evidence: tuple[str, ...]
    is_directed: bool = True


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
        weights = _weights(members, distances)
        for family in families(distances):
            if len(family) == 1:
                unknown[members[family[0]].name] = _alone(members[family[0]])
            else:
                edges += _Family(members, distances, weights, family).edges()
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


def _weights(models: Sequence[SampledModel], distances: Distances) -> Matrix:
    import numpy as np

    # Of a pruned model, all that's left is as in its parent, however far that is.
    equal = mutual(distances.equal)
    equal[equal < _ALL_BUT_FEW] = 0
    near = distances.distance * (1 - equal * (1 - _BY_DISTANCE))
    # A distance of few elements says little about the others.
    unseen = 1 - np.minimum(mutual(distances.covered), 1)
    near = np.sqrt(near**2 + unseen * _UNSEEN**2)
    found: Matrix = np.minimum(near, _STRANGERS * (1 - mutual(distances.shared)))
    structures: dict[frozenset[object], int] = {}
    kinds = np.array([structures.setdefault(frozenset(model.columns), len(structures)) for model in models])
    found[kinds[:, None] != kinds[None, :]] *= _OTHER_STRUCTURE
    return found


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
        mixtures = self._mixtures(originals)
        for mixture in mixtures.values():
            yield from self._merge(mixture)
        plain = [at for at in originals if at not in mixtures]
        first = self._first(plain)
        groups = made_together(self.distances, [model.first_seen for model in self.models], plain)
        single = [at for at in plain if groups.get(at, at) == at]
        ages = {at: self.models[at].first_seen for at in single}
        tree = spanning_tree(single, self._weight_of_groups(groups), ages)
        votes = {(one, other): self._vote(one, other) for one, other in tree}
        parents = self._of_groups(oriented(tree, votes, first), groups)
        rounds = continued(parents, mixtures, [model.first_seen for model in self.models])
        for child, (parent, known) in sorted(parents.items()):
            merge = rounds.get(child, self._made_from(child, parents, mixtures))
            yield self._edge(child, parent, known) if merge is None else self._edge(child, merge, True)

    def _mixtures(self, members: Sequence[int]) -> dict[int, Mixture]:
        """The merges among members: first those of two models, then those of more, which aren't merges.

        A mean of three is a sum of one and a mean of the others, too, with weights of a third and two thirds.
        """
        pairs = {at: find_pair(self.distances, at, self._earlier(at, members)) for at in members}
        found = _without_circles({at: pair for at, pair in pairs.items() if pair is not None})
        rest = [at for at in members if at not in found]
        for at, pair in found.items():
            if pair.weights.keys() & found.keys():
                mean = self._sum(at, rest)
                if mean is not None and mean.is_mean and not pair.is_mean:
                    found[at] = mean
        sums = {at: self._sum(at, rest) for at in rest}
        more = _without_circles({at: each for at, each in sums.items() if each is not None})
        return {**found, **more}

    def _sum(self, child: int, members: Sequence[int]) -> Mixture | None:
        """A sum of models that came into history together, the last ones first; else of any earlier ones.

        Where merges are parents of others, the same model is many sums of all these.
        """
        earlier = self._earlier(child, members)
        together: dict[int, list[int]] = {}
        for at in earlier:
            age = self.models[at].first_seen
            if age is not None:
                together.setdefault(age, []).append(at)
        groups = [group for _, group in sorted(together.items(), reverse=True) if len(group) > 2][:_ROUNDS]
        for group in groups:
            found = find_sum(self.distances, child, group)
            if found is not None and found.is_exact:
                return found
        return find_sum(self.distances, child, earlier)

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

    def _earlier(self, child: int, members: Sequence[int]) -> list[int]:
        """Members that a model may be made from, by their age."""
        mine = self.models[child].first_seen
        ages = {at: self.models[at].first_seen for at in members}
        return [
            at for at, age in ages.items() if at != child and (mine is None or age is None or age <= mine)
        ]

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
        evidence += [f"distance {distance:.3g}"] if distance < _STRANGERS else []
        evidence += [cue.text for cue in found if cue.child] if known else []
        relation = _relation(found, distance) if known else "finetune"
        rest = [self._weight(child, at) for at in self.members if at not in (child, parent)]
        weight, following = self._weight(child, parent), min(rest, default=_STRANGERS)
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


def _without_circles(mixtures: Mapping[int, Mixture]) -> dict[int, Mixture]:
    """Mixtures of which none is made of itself: of those that explain each other, the better ones stay."""
    kept: dict[int, Mixture] = {}
    for child, mixture in sorted(mixtures.items(), key=lambda item: (item[1].left, item[0])):
        waiting, seen = list(mixture.weights), {child}
        while waiting:
            at = waiting.pop()
            if at == child:
                break
            if at not in seen:
                seen.add(at)
                waiting += list(kept[at].weights) if at in kept else []
        else:
            kept[child] = mixture
    return kept
