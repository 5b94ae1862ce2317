"""The search for stored values that a new one resembles, by their sketches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from git_theta.model.manifest import Entry
from git_theta.model.tensor import TensorSpec
from git_theta.sketches.content_search import ContentSearch
from git_theta.sketches.query import NewValue, Query
from git_theta.sketches.sampled_forms import Extent, SampledForm, other_forms, same_order
from git_theta.sketches.sketch import Sketch, sample_count
from git_theta.sketches.sketch_group import SketchGroup
from git_theta.sketches.stored_types import StoredTypes, have_same_elements
from git_theta.sketches.summands import find_summands
from git_theta.store.sketch_cache import SketchCache, StoredSketch
from git_theta.updates.rounding import ARITHMETIC

if TYPE_CHECKING:
    from git_theta.sketches.sketch import Keys


#: The nearest stored values that may be in a sum.
_MOST_TRIED = 8


@dataclass(frozen=True, slots=True)
class Match:
    """A stored value that a new one resembles.

    Attributes:
        spec: Dtype and shape.
        digest: BLAKE3-256 of the value, 64 hexadecimal digits.
        bits: The mean number of bits of the differences between elements of both.
        saving: The share of the bits of differences from an unrelated value that this one saves, from 0 to 1.
        extent: The part of the new value that this one gives.
    """

    spec: TensorSpec
    digest: str
    bits: float
    saving: float
    extent: Extent


class SketchSearch:
    """Searches the stored values of a repository. Any number of threads may use it.

    Args:
        cache: The sketches of the values.

    Attributes:
        contents: Searches the values of bytes by their content.
    """

    def __init__(self, cache: SketchCache) -> None:
        self._cache = cache
        self._lock = Lock()
        self.contents = ContentSearch(cache, self._lock)
        self._types: StoredTypes | None = None
        self._groups: dict[TensorSpec, SketchGroup] = {}

    def nearest(self, new: NewValue) -> list[Match]:
        """Stored values that a new one resembles element by element, the closest first.

        They have as many elements, but maybe another shape or dtype.
        """
        found = [
            match
            for stored in self._stored_types().same_elements(new.spec)
            if new.varies
            for match in self._matches(new, stored, same_order(stored))
        ]
        return sorted(found, key=_closest_first)

    def summands(self, new: NewValue, near: Sequence[Match]) -> list[Match]:
        """Stored values of which a new one is probably a weighted sum.

        Args:
            new: The new value.
            near: Values that it resembles, the closest first; those of another dtype or shape don't count.
        """
        import numpy as np

        alike = [match for match in near if match.spec == new.spec][:_MOST_TRIED]
        if len(alike) < 2 or new.spec.dtype not in ARITHMETIC:
            return []
        group = self._group(new.spec)
        with self._lock:
            digests, sketches = group.sketches(self._cache, [group.places[each.digest] for each in alike])
        # Of a large group, they're in another order.
        by_digest = dict(zip(digests, sketches, strict=True))
        alike = [each for each in alike if each.digest in by_digest]
        keys = np.array([by_digest[each.digest] for each in alike], np.uint32)
        return [alike[at] for at in find_summands(new.keys, keys)]

    def other_forms(self, new: NewValue) -> list[Match]:
        """Stored values that a new one may be made of, with its elements elsewhere.

        It may be one value, such as the transposed one or a larger one, or several in their order, such as
        those that were fused.
        """
        found = [
            match
            for stored in self._stored_types().other_forms(new.spec)
            if new.varies
            for form in other_forms(new.spec, stored)
            for match in self._matches(new, stored, form)[:1]
        ]
        return _best_parts(found, new.spec)

    def compare(self, new: NewValue, stored: Iterable[Entry]) -> dict[str, float]:
        """The bits of the differences from certain stored values, as in `Match`, by digest.

        Args:
            new: The new value.
            stored: Entries of the others. Values of another number of elements and those without a sketch are
                left out.
        """
        found: dict[str, float] = {}
        for entry in stored:
            other, digest = entry.spec.as_bytes, entry.digest
            if sample_count(other) and have_same_elements(new.spec, other):
                group = self._group(other)
                if digest in group.places:
                    with self._lock:
                        digests, sketches = group.sketches(self._cache, [group.places[digest]])
                    matches = _compare(new.query(same_order(other)), other, digests, sketches)
                    found.update((match.digest, match.bits) for match in matches)
        return found

    def without_sketch(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Entries whose values should have a sketch and have none."""
        for entry in entries:
            spec = entry.spec.as_bytes
            if sample_count(spec) and entry.digest not in self._group(spec).places:
                yield entry

    def add(self, sketches: Mapping[str, Sketch]) -> None:
        """Keep the sketches of values, by digest; the next search finds them."""
        stored = [
            StoredSketch(each.spec, digest, each.keys.astype("<u4").tobytes())
            for digest, each in sketches.items()
        ]
        by_type: dict[TensorSpec, dict[str, Keys]] = defaultdict(dict)
        for digest, each in sketches.items():
            by_type[each.spec][digest] = each.keys
        with self._lock:
            self._cache.add(stored)
            for spec, new in by_type.items():
                if self._types:
                    self._types.add(spec, len(new))
                if spec in self._groups:
                    self._groups[spec] = self._groups[spec].extended(new)

    def close(self) -> None:
        """Close the cache; the next search opens it again."""
        with self._lock:
            self._cache.close()
            self._types = None
            self._groups.clear()
            self.contents.forget_loaded()

    def _stored_types(self) -> StoredTypes:
        with self._lock:
            if self._types is None:
                self._types = StoredTypes(self._cache.types())
            return self._types

    def _group(self, spec: TensorSpec) -> SketchGroup:
        size = self._stored_types().size(spec)
        with self._lock:
            if spec not in self._groups:
                self._groups[spec] = SketchGroup.load(self._cache, spec, size)
            return self._groups[spec]

    def _matches(self, new: NewValue, stored: TensorSpec, form: SampledForm) -> list[Match]:
        """The related values of a type, the closest first."""
        query, group = new.query(form), self._group(stored)
        closest = query.closest(group.heads)
        if not len(closest):
            return []
        with self._lock:
            digests, sketches = group.sketches(self._cache, closest.tolist())
        return [match for match in _compare(query, stored, digests, sketches) if match.bits <= query.limit]


def _compare(query: Query, stored: TensorSpec, digests: Sequence[str], sketches: Keys) -> list[Match]:
    """The matches with some stored values of a type, the closest first."""
    matches = (
        Match(stored, digest, bits, query.new.saving(bits), query.form.extent)
        for digest, bits in zip(digests, query.bits(sketches).tolist(), strict=True)
    )
    return sorted(matches, key=_closest_first)


def _closest_first(match: Match) -> tuple[float, str]:
    return match.bits, match.digest


def _best_parts(matches: Iterable[Match], spec: TensorSpec) -> list[Match]:
    """The matches that save most of a value's bits: one of all elements, or parts side by side."""
    whole: list[Match] = []
    parts: list[Match] = []
    for match in sorted(matches, key=lambda match: (-match.saving, match.digest)):
        chosen = whole if match.extent.share(spec.shape) == 1 else parts
        if not any(match.extent.overlaps(other.extent) for other in chosen):
            chosen.append(match)

    def saved(chosen: Iterable[Match]) -> float:
        return sum(match.saving * match.extent.share(spec.shape) for match in chosen)

    return sorted(max(whole, parts, key=saved), key=lambda match: match.extent.start)
