"""Found bases: stored values that those of a new file resemble, wherever in the repository they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import TensorSpec
from git_theta.store.base import Store

if TYPE_CHECKING:
    from git_theta.sketches.search import SketchSearch
    from git_theta.sketches.sketch import Sketch

#: The number of found bases that a value may be an update of, besides those that names suggest.
_MAX_FOUND = 2

#: A found base must promise differences of at most this share of the bits that those from a named base have,
#: and of so many bits less for each of 100: reading another base takes time.
_BETTER = 0.9
_MIN_GAIN = 0.01


class FoundBases:
    """The search for bases of one new file. Any number of threads may use it.

    What is searched doesn't change before `remember`: a file gives the same manifest, whichever of its values
    is stored first.

    Args:
        search: Searches the sketches of stored values.
        source_of: Gives the source of a value by its digest; `None` if it isn't known.
        store: Where the objects of sources are.
    """

    def __init__(self, search: SketchSearch, source_of: Callable[[str], Source | None], store: Store) -> None:
        self._search = search
        self._source_of = source_of
        self._store = store
        self._sketches: dict[str, Sketch] = {}

    def beside(
        self, name: str, spec: TensorSpec, value: memoryview, named: Sequence[Entry]
    ) -> Iterator[Entry]:
        """Bases for a value, those that names suggest first.

        Args:
            name: The parameter's name.
            spec: Dtype and shape.
            value: Logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
            named: Parameters that the value may be an update of by their names.
        """
        from git_theta.sketches.sketch import sketch

        yield from named
        new = sketch(value, spec)
        if new is None:
            return
        self._sketches[name] = new
        matches = self._search.nearest(new)
        if matches:
            known = self._search.compare(new, [entry.digest for entry in named if entry.spec == spec])
            most = min(known.values(), default=32.0)
            limit = min(most * _BETTER, most - _MIN_GAIN * 8 * spec.word_size)
            digests = (match.digest for match in matches if match.bits <= limit)
            yield from self._entries(spec, digests, {entry.digest for entry in named})

    def remember(self, entries: Iterable[Entry]) -> None:
        """Keep the sketches of the file's values, once they're stored."""
        self._search.add(
            {entry.digest: self._sketches[entry.name] for entry in entries if entry.name in self._sketches}
        )

    def _entries(self, spec: TensorSpec, digests: Iterable[str], named: set[str]) -> Iterator[Entry]:
        """The first few of some values whose objects are here."""
        count = 0
        for digest in digests:
            source = None if digest in named else self._source_of(digest)
            if source and all(self._store.has(ref.oid) for ref in source.payloads()):
                yield Entry("", spec, digest, source)
                count += 1
                if count == _MAX_FOUND:
                    return
