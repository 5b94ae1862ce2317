"""The search for stored values that a new one resembles, by their sketches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.sketch import HEAD, Sketch, difference_bits, own_bits, resolution, sample_count
from git_theta.store.sketch_cache import SketchCache, StoredSketch

if TYPE_CHECKING:
    from git_theta.sketches.sketch import Keys

#: The number of stored values whose whole sketches are compared, beside ones that begin as closely.
_COMPARED = 32
_MAX_COMPARED = 128

#: A value is related if the bits of the differences are at most this share of those from an unrelated value.
#: Small sketches say less: with them, one of thousands of unrelated values would seem to be a little closer.
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
    """

    spec: TensorSpec
    digest: str
    bits: float


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
        self._groups: dict[TensorSpec, _Group] = {}

    def nearest(self, new: Sketch) -> list[Match]:
        """The stored values of the same type that a new one resembles, the closest first."""
        group = self._group(new.spec)
        limit = _limit(new)
        if not group.digests or not limit:
            return []
        return [match for match in self._compare(new, _closest(new, group)) if match.bits <= limit]

    def compare(self, new: Sketch, digests: Iterable[str]) -> dict[str, float]:
        """The bits of the differences from certain stored values of the same type, as in `Match`, by digest.

        Args:
            new: The sketch of a new value.
            digests: Digests of stored values; those without a sketch are left out.
        """
        return {match.digest: match.bits for match in self._compare(new, digests)}

    def add(self, sketches: Mapping[str, Sketch]) -> None:
        """Keep the sketches of values, by digest; the next search finds them."""
        stored = [
            StoredSketch(each.spec, digest, each.keys.astype("<u4").tobytes())
            for digest, each in sketches.items()
        ]
        with self._lock:
            self._cache.add(stored)
            for each in stored:
                self._groups.pop(each.spec, None)

    def close(self) -> None:
        """Close the cache; the next search opens it again."""
        with self._lock:
            self._cache.close()
            self._groups.clear()

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

    def _compare(self, new: Sketch, digests: Iterable[str]) -> list[Match]:
        import numpy as np

        with self._lock:
            found = self._cache.keys(new.spec, digests, sample_count(new.spec))
        if not found:
            return []
        keys = np.frombuffer(b"".join(found.values()), "<u4").reshape(len(found), -1)
        bits = difference_bits(new.keys, keys.astype(np.uint32, copy=False), resolution(new.spec)).mean(
            axis=1
        )
        matches = (Match(new.spec, digest, float(each)) for digest, each in zip(found, bits, strict=True))
        return sorted(matches, key=lambda match: (match.bits, match.digest))


def _closest(new: Sketch, group: _Group) -> list[str]:
    """The digests of the values whose sketches begin most like that of a new one."""
    import numpy as np

    bits = difference_bits(new.keys[:HEAD, None], group.heads, resolution(new.spec)).sum(axis=0)
    if len(bits) > _COMPARED:
        most = np.partition(bits, _COMPARED - 1)[_COMPARED - 1]
        chosen = np.flatnonzero(bits <= most)
        # The closest of all, if more of them are equally close than can be compared.
        chosen = chosen[np.argsort(bits[chosen], kind="stable")][:_MAX_COMPARED]
    else:
        chosen = np.arange(len(bits))
    return [group.digests[at] for at in chosen]


def _limit(new: Sketch) -> float:
    """The most bits by which a related value differs; 0 if no base can save much."""
    unrelated = own_bits(new)
    return 0 if unrelated < _MIN_OWN_BITS else unrelated * (_RELATED - _MARGIN / len(new.keys))
