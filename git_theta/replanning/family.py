"""Families: values of one dtype and number of elements that are near each other, and the plan for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from git_theta.model.manifest import Source
from git_theta.model.sizes import SizeOf, payload_bytes
from git_theta.replanning.base_forest import plan_forest
from git_theta.replanning.known_value import DigestOf, KnownValue, base_of, own_bytes
from git_theta.sketches.sketch import difference_bits, resolution, sample_count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from git_theta.sketches.sketch import Keys

#: Bits of an element of a delta beside those of the difference itself: the sign, and the coding of lengths.
_BITS_BESIDE = 1.5

#: A delta that isn't stored must promise at most this share of what the value takes alone.
_MAX_DELTA = 0.9

#: The expected size of a dense payload, as a share of the value's bytes, where no value has one.
_DENSE = 0.85

#: The factor for payloads to be written: a small gain isn't worth that, and estimates aren't exact.
_NEW = 1.08

#: The most values that are compared with each other: the matrix of their deltas takes 8 bytes for each pair.
MAX_COMPARED = 3000

#: A family is planned anew if that takes at most this share of what its values take.
MAX_SHARE = 0.97


@dataclass(frozen=True, slots=True)
class PlannedValue:
    """The planned way to a value.

    Attributes:
        value: The value.
        base: The value that it's an update of; `None` if it stands alone.
        kept: The source whose own payload stays; `None` for a value to be encoded anew.
        depth: The number of updates in its chain.
    """

    value: KnownValue
    base: KnownValue | None
    kept: Source | None
    depth: int


@dataclass(frozen=True, slots=True)
class FamilyPlan:
    """The plan for the values of one family.

    Attributes:
        values: The values in an order in which bases come first.
        before: Bytes of all payloads that its values have now.
        after: Expected bytes of their planned payloads.
        new: Expected bytes of those that aren't stored yet.
        must: Whether a chain is deeper now than it may be.
    """

    values: tuple[PlannedValue, ...]
    before: int
    after: int
    new: int
    must: bool

    @property
    def pays(self) -> bool:
        """Whether the plan is worth the work."""
        return self.must or self.after <= MAX_SHARE * self.before


def comparable_groups(values: Iterable[KnownValue]) -> Iterator[list[KnownValue]]:
    """Values that can be deltas of each other and have sketches, those of one dtype and size together."""
    groups: dict[tuple[str, int], list[KnownValue]] = defaultdict(list)
    for value in values:
        words = value.spec.as_bytes
        if sample_count(words):
            groups[words.dtype, words.count].append(value)
    for group in groups.values():
        for start in range(0, len(group), MAX_COMPARED):
            if len(group) - start > 1:
                yield group[start : start + MAX_COMPARED]


def plan_families(
    group: Sequence[KnownValue],
    keys: Mapping[str, Keys],
    depth: int | None,
    usual_depth: int,
    digest_of: DigestOf,
    size_of: SizeOf,
) -> Iterator[FamilyPlan]:
    """Plans for the families of a group.

    Args:
        group: Values as from `comparable_groups`.
        keys: Their sketches by digest; values without one are left out.
        depth: The number of updates that every chain should have at most; `None` for no more than the chains
            of the family have now, or the usual number.
        usual_depth: That number.
        digest_of: Gives the digest of the value that a source gives.
        size_of: Gives the size of an object in bytes.
    """
    compared = [value for value in group if value.digest in keys]
    if len(compared) < 2:
        return
    options = _Options.of(compared, keys, digest_of, size_of)
    for places in options.families():
        if len(places) > 1:
            now = max(compared[place].current.depth for place in places)
            yield options.plan(places, max(now, usual_depth) if depth is None else depth, now)


@dataclass(frozen=True, eq=False, slots=True)
class _Options:
    """Ways to store the values of a group, by place.

    Attributes:
        values: The values.
        alone: Sources of values that need no other one of the group; `None` to encode the value whole.
        whole: Bytes of these.
        deltas: Bytes of deltas [value, base].
        stored: The source that has the payload of a stored delta, by the places of value and base.
        size_of: Gives the size of an object in bytes.
    """

    values: Sequence[KnownValue]
    alone: Sequence[Source | None]
    whole: NDArray[np.float64]
    deltas: NDArray[np.float64]
    stored: Mapping[tuple[int, int], Source]
    size_of: SizeOf

    @classmethod
    def of(
        cls, values: Sequence[KnownValue], keys: Mapping[str, Keys], digest_of: DigestOf, size_of: SizeOf
    ) -> _Options:
        spec = values[0].spec.as_bytes
        places = {value.digest: place for place, value in enumerate(values)}
        alone: list[Source | None] = [None] * len(values)
        whole = np.full(len(values), np.inf)
        stored: dict[tuple[int, int], Source] = {}
        exact: dict[tuple[int, int], int] = {}
        for place, value in enumerate(values):
            for source in value.sources:
                size = own_bytes(source, digest_of, size_of)
                base = base_of(source, digest_of)
                if base is None or base not in places:
                    if size < whole[place]:
                        alone[place], whole[place] = source, size
                elif size < exact.get((place, places[base]), float("inf")):
                    stored[place, places[base]], exact[place, places[base]] = source, size
        dense = whole[np.isfinite(whole)]
        new = float(dense.mean()) if len(dense) else _DENSE * spec.nbytes
        whole = np.where(np.isfinite(whole), whole, new)
        deltas = _estimated(np.stack([keys[value.digest] for value in values]), resolution(spec), spec.count)
        if exact:
            # Samples say how deltas compare with each other; stored ones say how large they are.
            deltas *= float(np.median([size / deltas[pair] for pair, size in exact.items()]))
        # An unrelated value promises nothing.
        deltas[deltas > _MAX_DELTA * np.minimum(whole, new)[:, None]] = np.inf
        for (place, base_place), size in exact.items():
            deltas[place, base_place] = size
        np.fill_diagonal(deltas, np.inf)
        return cls(values, alone, whole, deltas, stored, size_of)

    def families(self) -> Iterator[list[int]]:
        """Places of values that are connected by deltas."""
        near = np.isfinite(self.deltas)
        near |= near.T
        left = np.ones(len(self.values), bool)
        while left.any():
            reached = np.zeros(len(self.values), bool)
            new = [int(np.argmax(left))]
            while new:
                reached[new] = True
                new = np.flatnonzero(near[new].any(axis=0) & ~reached).tolist()
            left &= ~reached
            yield np.flatnonzero(reached).tolist()

    def _dearer(self, at: NDArray[np.integer]) -> NDArray[np.float64]:
        """Factors for the deltas among some places: more than 1 for those that aren't stored."""
        factors = np.full((len(at), len(at)), _NEW)
        numbers = {place: number for number, place in enumerate(at.tolist())}
        for place, base in self.stored:
            if place in numbers and base in numbers:
                factors[numbers[place], numbers[base]] = 1
        return factors

    def plan(self, places: Sequence[int], depth: int, now: int) -> FamilyPlan:
        """The plan for a family, in chains of at most `depth` updates; they have at most `now` so far."""
        at = np.asarray(places)
        deltas, whole = self.deltas[np.ix_(at, at)], self.whole[at]
        found = [self.alone[place] for place in places]
        # A lone value may be made of others; where that's too deep, it's encoded whole.
        alone = [source if source is None or source.depth <= depth else None for source in found]
        depths = [1 if source is None else source.depth for source in alone]
        is_new = np.array([source is None for source in alone])
        bases = plan_forest(
            np.where(is_new, _NEW * whole, whole).tolist(), self._dearer(at) * deltas, depth, depths
        )
        planned: dict[int, PlannedValue] = {}
        after = new = 0.0
        for number in _bases_first(bases):
            value, base = self.values[places[number]], bases[number]
            if base is None:
                kept, size = alone[number], whole[number]
                made = PlannedValue(value, None, kept, depths[number])
            else:
                kept, size = self.stored.get((places[number], places[base])), deltas[number, base]
                other = planned[base]
                made = PlannedValue(value, other.value, kept, other.depth + 1)
            planned[number] = made
            after += size
            new += 0 if kept else size
        own = {
            source.payload
            for place in places
            for source in self.values[place].sources
            if source.payload is not None
        }
        return FamilyPlan(
            tuple(planned.values()), payload_bytes(own, self.size_of), int(after), int(new), now > depth
        )


def _estimated(keys: Keys, missing: int, count: int) -> NDArray[np.float64]:
    """Expected bytes of deltas [value, base], from sketches [value, sample].

    Args:
        keys: The sketches.
        missing: The number of low bits that don't count; see `difference_bits`.
        count: The number of elements of a value.
    """
    bits = np.stack([difference_bits(row, keys, missing).mean(axis=1) for row in keys])
    return np.asarray((bits + _BITS_BESIDE) / 8 * count, np.float64)


def _bases_first(bases: Sequence[int | None]) -> Iterator[int]:
    """All places, each after that of its base."""
    children: dict[int | None, list[int]] = defaultdict(list)
    for place, base in enumerate(bases):
        children[base].append(place)
    waiting = children[None][::-1]
    while waiting:
        place = waiting.pop()
        yield place
        waiting += children[place][::-1]
