"""The search for stored values that a new one resembles, by their sketches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.sampled_forms import Extent, SampledForm, other_forms, same_order
from git_theta.sketches.sketch import (
    HEAD,
    Sketch,
    comparable,
    difference_bits,
    own_bits,
    resolution,
    sample_count,
    sample_keys,
)
from git_theta.store.sketch_cache import SketchCache, StoredSketch

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.sketches.sketch import Keys

#: The number of stored values whose whole sketches are compared, beside ones that begin as closely.
_COMPARED = 32
_MAX_COMPARED = 128

#: The fewest elements at the beginnings of sketches that say which ones to compare as a whole.
_MIN_HEAD = 3

#: A value is related if the bits of the differences are at most this share of those from an unrelated value.
#: Few elements say less: with them, one of thousands of unrelated values would seem to be a little closer.
_RELATED = 0.95
_MARGIN = 3.0

#: Where an unrelated value differs by fewer bits than this, there's nothing to gain.
_MIN_OWN_BITS = 1.0


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


@dataclass(frozen=True, eq=False, slots=True)
class _Group:
    """The stored values of one type.

    Attributes:
        digests: Their digests, sorted.
        heads: uint32 [HEAD, number of values]: the beginnings of their sketches.
    """

    digests: tuple[str, ...]
    heads: Keys


class SketchSearch:
    """Searches the stored values of a repository. Any number of threads may use it.

    Args:
        cache: The sketches of the values.
    """

    def __init__(self, cache: SketchCache) -> None:
        self._cache = cache
        self._lock = Lock()
        self._specs: tuple[TensorSpec, ...] | None = None
        self._groups: dict[TensorSpec, _Group] = {}

    def nearest(self, value: memoryview, spec: TensorSpec) -> list[Match]:
        """Stored values that a new one resembles element by element, the closest first.

        They have as many elements, but maybe another shape or dtype.

        Args:
            value: Logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
            spec: Dtype and shape.
        """
        found = [
            match
            for stored in self._types()
            if _same_elements(spec, stored)
            for match in self._matches(value, spec, stored, same_order(stored))
        ]
        return sorted(found, key=_closest_first)

    def other_forms(self, value: memoryview, spec: TensorSpec) -> list[Match]:
        """Stored values that a new one may be made of, with its elements elsewhere.

        It may be one value, such as the transposed one or a larger one, or several in their order, such as
        those that were fused.

        Args:
            value: As for `nearest`.
            spec: Likewise.
        """
        found = [
            match
            for stored in self._types()
            if comparable(spec, stored)
            for form in other_forms(spec, stored)
            for match in self._matches(value, spec, stored, form)[:1]
        ]
        return _best_parts(found, spec)

    def compare(
        self, value: memoryview, spec: TensorSpec, stored: Iterable[tuple[TensorSpec, str]]
    ) -> dict[str, float]:
        """The bits of the differences from certain stored values, as in `Match`, by digest.

        Args:
            value: As for `nearest`.
            spec: Likewise.
            stored: Types and digests. Values of another number of elements and those without a sketch are
                left out.
        """
        found: dict[str, float] = {}
        for other, digest in stored:
            if sample_count(other) and _same_elements(spec, other):
                query = _Query.of(value, spec, same_order(other))
                found.update((match.digest, match.bits) for match in self._compare(query, other, [digest]))
        return found

    def add(self, sketches: Mapping[str, Sketch]) -> None:
        """Keep the sketches of values, by digest; the next search finds them."""
        stored = [
            StoredSketch(each.spec, digest, each.keys.astype("<u4").tobytes())
            for digest, each in sketches.items()
        ]
        with self._lock:
            self._cache.add(stored)
            self._specs = None
            for each in stored:
                self._groups.pop(each.spec, None)

    def close(self) -> None:
        """Close the cache; the next search opens it again."""
        with self._lock:
            self._cache.close()
            self._specs = None
            self._groups.clear()

    def _types(self) -> tuple[TensorSpec, ...]:
        with self._lock:
            if self._specs is None:
                self._specs = tuple(spec for spec in self._cache.specs() if sample_count(spec))
            return self._specs

    def _matches(
        self, value: memoryview, spec: TensorSpec, stored: TensorSpec, form: SampledForm
    ) -> list[Match]:
        """The related values of a type, the closest first."""
        query = _Query.of(value, spec, form)
        if not query.limit:
            return []
        nearest = self._compare(query, stored, query.closest(self._group(stored)))
        return [match for match in nearest if match.bits <= query.limit]

    def _group(self, spec: TensorSpec) -> _Group:
        import numpy as np

        with self._lock:
            if spec not in self._groups:
                found = self._cache.beginnings(spec, HEAD)
                heads = np.frombuffer(b"".join(keys for _, keys in found), "<u4").reshape(-1, HEAD)
                self._groups[spec] = _Group(
                    tuple(digest for digest, _ in found), np.ascontiguousarray(heads.T, np.uint32)
                )
            return self._groups[spec]

    def _compare(self, query: _Query, stored: TensorSpec, digests: Iterable[str]) -> list[Match]:
        import numpy as np

        with self._lock:
            found = self._cache.keys(stored, digests, sample_count(stored))
        if not found:
            return []
        keys = np.frombuffer(b"".join(found.values()), "<u4").reshape(len(found), -1)
        bits = query.bits(keys.astype(np.uint32, copy=False))
        matches = (
            Match(stored, digest, float(each), query.saving(float(each)), query.form.extent)
            for digest, each in zip(found, bits, strict=True)
        )
        return sorted(matches, key=_closest_first)


@dataclass(frozen=True, eq=False, slots=True)
class _Query:
    """Elements of a new value at the places where those of a sketch would be.

    Attributes:
        keys: As in `Sketch`.
        form: Where the elements are.
        missing: `resolution` of the new value.
        unrelated: The mean number of bits of the differences from an unrelated value.
    """

    keys: Keys
    form: SampledForm
    missing: int
    unrelated: float

    @classmethod
    def of(cls, value: memoryview, spec: TensorSpec, form: SampledForm) -> _Query:
        import numpy as np

        words = np.frombuffer(value, f"<u{spec.word_size}")
        keys = sample_keys(words[form.positions], spec)
        missing = resolution(spec)
        return cls(keys, form, missing, own_bits(keys, missing))

    @property
    def limit(self) -> float:
        """The most bits by which a related value differs; 0 if no base can save much."""
        if self.unrelated < _MIN_OWN_BITS:
            return 0
        return self.unrelated * (_RELATED - _MARGIN / len(self.keys))

    def bits(self, stored: Keys) -> NDArray[np.float64]:
        """The mean number of bits of the differences from some stored values.

        Args:
            stored: uint32 [number of values, number of samples].
        """
        differences = difference_bits(self.keys, stored[:, self.form.samples], self.missing)
        means: NDArray[np.float64] = differences.sum(axis=1) / len(self.keys)
        return means

    def saving(self, bits: float) -> float:
        """The share of the bits that a value saves."""
        return max(0.0, 1 - bits / self.unrelated) if self.unrelated else 0.0

    def closest(self, group: _Group) -> list[str]:
        """The digests of the values whose sketches begin most like the new value."""
        import numpy as np

        head = self.form.samples[self.form.samples < HEAD]
        if len(group.digests) <= _COMPARED:
            return list(group.digests)
        if len(head) < _MIN_HEAD:
            return []
        heads = group.heads if len(head) == HEAD else group.heads[head]
        bits = difference_bits(self.keys[: len(head), None], heads, self.missing).sum(axis=0)
        most = np.partition(bits, _COMPARED - 1)[_COMPARED - 1]
        chosen = np.flatnonzero(bits <= most)
        # The closest of all, if more of them are equally close than can be compared.
        chosen = chosen[np.argsort(bits[chosen], kind="stable")][:_MAX_COMPARED]
        return [group.digests[at] for at in chosen]


def _closest_first(match: Match) -> tuple[float, str]:
    return match.bits, match.digest


def _same_elements(spec: TensorSpec, stored: TensorSpec) -> bool:
    """Whether values of two types may have the same elements in the same order."""
    return (
        comparable(spec, stored)
        and spec.count == stored.count
        and spec.item_size // spec.word_size == stored.item_size // stored.word_size
    )


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
