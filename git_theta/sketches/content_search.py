"""The search for stored values of bytes whose content a new one has, too, by their content sketches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from git_theta.model.manifest import Entry
from git_theta.sketches.content import MOST_HASHES, ContentSketch, has_content_sketch, shared_share
from git_theta.store.sketch_cache import SketchCache, StoredContent

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.sketches.content import Hashes

#: The share that floats save whose upper bytes are those of a stored value.
_UPPER_SAVES = 0.3

#: Stored values that are compared, those with the most hashes in common first.
_COMPARED = 64

#: A stored value has at most so many times as many bytes as a new one: all of it is read for the comparison.
MAX_RATIO = 16


@dataclass(frozen=True, slots=True)
class ContentMatch:
    """A stored value of bytes that has content in common with a new one.

    Attributes:
        digest: BLAKE3-256 of the value, 64 hexadecimal digits.
        nbytes: Its size.
        saving: The share of the new value's bytes, from 0 to 1, that the stored one is expected to save.
    """

    digest: str
    nbytes: int
    saving: float


class ContentSearch:
    """Searches the stored values of bytes of a repository. Any number of threads may use it.

    Args:
        cache: The sketches of the values.
        lock: Held while the cache is used.
    """

    def __init__(self, cache: SketchCache, lock: Lock) -> None:
        self._cache = cache
        self._lock = lock
        self._contents: dict[str, ContentSketch] | None = None
        self._index: _Index | None = None

    def nearest(self, new: ContentSketch) -> list[ContentMatch]:
        """Stored values that have content of a new one, those that promise to save most first."""
        with self._lock:
            contents = self._loaded()
            if self._index is None:
                self._index = _Index.of(list(contents.values()))
            places = self._index.most_common(new)
        digests = list(contents)
        stored = ((digests[at], contents[digests[at]]) for at in places)
        matches = (_match(new, digest, each) for digest, each in stored)
        found = [match for match in matches if match.saving and match.nbytes <= MAX_RATIO * new.nbytes]

        def order(match: ContentMatch) -> tuple[float, int, str]:
            return -match.saving, abs(match.nbytes - new.nbytes), match.digest

        return sorted(found, key=order)

    def saving(self, new: ContentSketch, digests: Iterable[str]) -> float:
        """The largest share of a new value's bytes that one of certain stored values is expected to save."""
        with self._lock:
            contents = self._loaded()
        known = ((digest, contents[digest]) for digest in digests if digest in contents)
        return max((_match(new, digest, each).saving for digest, each in known), default=0.0)

    def without_sketch(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Entries whose values should have a content sketch and have none."""
        with self._lock:
            contents = self._loaded()
        for entry in entries:
            if has_content_sketch(entry.spec) and entry.digest not in contents:
                yield entry

    def add(self, sketches: Mapping[str, ContentSketch]) -> None:
        """Keep the sketches of values, by digest; the next search finds them."""
        stored = [
            StoredContent(digest, each.nbytes, _to_bytes(each.pieces), _to_bytes(each.upper))
            for digest, each in sketches.items()
        ]
        with self._lock:
            self._cache.add_contents(stored)
            if self._contents is not None:
                # A search that is running keeps the ones that it has.
                self._contents = {**sketches, **self._contents}
                self._index = None

    def forget_loaded(self) -> None:
        """Read the cache again at the next search. The lock must be held."""
        self._contents = self._index = None

    def _loaded(self) -> dict[str, ContentSketch]:
        if self._contents is None:
            self._contents = {each.digest: _sketch(each) for each in self._cache.contents()}
        return self._contents


@dataclass(frozen=True, eq=False, slots=True)
class _Index:
    """Hashes of all stored values.

    Attributes:
        hashes: uint64, ascending.
        owners: For each, the place of the value that has it.
        count: The number of values.
    """

    hashes: Hashes
    owners: NDArray[np.integer]
    count: int

    @classmethod
    def of(cls, contents: Sequence[ContentSketch]) -> _Index:
        import numpy as np

        both = [np.concatenate([each.pieces, each.upper]) for each in contents]
        hashes = np.concatenate([np.empty(0, np.uint64), *both])
        owners = np.repeat(np.arange(len(both)), [len(each) for each in both])
        order = np.argsort(hashes, kind="stable")
        return cls(hashes[order], owners[order], len(both))

    def most_common(self, new: ContentSketch) -> list[int]:
        """Places of the values that have most of a sketch's hashes."""
        import numpy as np

        wanted = np.concatenate([new.pieces, new.upper])
        first, last = (np.searchsorted(self.hashes, wanted, side) for side in ("left", "right"))
        owners = [self.owners[start:stop] for start, stop in zip(first, last, strict=True)]
        counts = np.bincount(np.concatenate([np.empty(0, np.int64), *owners]), minlength=self.count)
        order = np.argsort(-counts, kind="stable")[:_COMPARED]
        found: list[int] = order[counts[order] > 0].tolist()
        return found


def _match(new: ContentSketch, digest: str, stored: ContentSketch) -> ContentMatch:
    pieces, upper = shared_share(new, stored)
    return ContentMatch(digest, stored.nbytes, pieces + (1 - pieces) * _UPPER_SAVES * upper)


def _sketch(stored: StoredContent) -> ContentSketch:
    return ContentSketch(stored.nbytes, _from_bytes(stored.pieces), _from_bytes(stored.upper))


def _to_bytes(hashes: Hashes) -> bytes:
    return hashes.astype("<u8").tobytes()


def _from_bytes(data: bytes) -> Hashes:
    import numpy as np

    # Whatever is in the database, it's in order.
    return np.unique(np.frombuffer(data, "<u8").astype(np.uint64))[:MOST_HASHES]
