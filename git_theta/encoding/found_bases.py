"""Found bases: stored values that those of a new file resemble, wherever in the repository they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from git_theta.encoding.readable import readable
from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import TensorSpec
from git_theta.sketches.archive_content import content_sketch
from git_theta.sketches.content import has_content_sketch
from git_theta.sketches.query import NewValue
from git_theta.sketches.sketch import Sketch, sample_count, sketch
from git_theta.sketches.summands import MOST_SUMMANDS
from git_theta.store.base import Store

if TYPE_CHECKING:
    from git_theta.sketches.content import ContentSketch
    from git_theta.sketches.search import Match, SketchSearch

#: The number of found bases that a value may be an update of, besides those that names suggest.
_MAX_FOUND = 2

#: Bytes of the smallest value for which a better base is searched if a named one saves so much of the bits.
_MIN_IMPROVED = 1 << 16
_ENOUGH = 0.2

#: A value has nothing in common with a base that saves less than this share of the bits. Where a fiftieth of
#: its elements are equal, more is saved; what strangers seem to save by chance is mostly less.
_NOTHING_SAVED = 0.015

#: Bytes of the smallest value that is searched for in other forms: there are many for each pair of shapes.
_MIN_ARRANGED = 1 << 15

#: The number of values that a new one may be made of.
_MAX_PARTS = 128

#: A found base must promise differences of at most this share of the bits that those from a named base have,
#: and of so many bits less for each of 100: reading another base takes time.
_BETTER = 0.9
_MIN_GAIN = 0.01

#: A found base of bytes must promise to save so much more of the bytes that a named one doesn't save.
_MIN_CONTENT = 0.05


class _Content(NamedTuple):
    """A stored value of bytes."""

    spec: TensorSpec
    digest: str


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
        self._contents: dict[str, ContentSketch] = {}
        self._distant: set[tuple[str, str]] = set()

    def beside(
        self, name: str, spec: TensorSpec, value: memoryview, named: Sequence[Entry]
    ) -> Iterator[Entry]:
        """Bases for a value, those that names suggest first.

        They have as many elements in the same order; those of bytes may have more or fewer, elsewhere. Values
        of which the new one is a sum are among them, too.

        Args:
            name: The parameter's name.
            spec: Dtype and shape.
            value: Logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
            named: Parameters that the value may be an update of by their names.
        """
        yield from named
        if has_content_sketch(spec):
            yield from self._with_content(name, value, named)
            return
        spec = spec.as_bytes
        if not sample_count(spec):
            return
        new = NewValue.of(value, spec)
        self._sketches[name] = Sketch(spec, new.keys)
        compared = self._search.compare(new, named)
        self._distant.update(
            (name, digest) for digest, bits in compared.items() if new.saving(bits) < _NOTHING_SAVED
        )
        bits = min(compared.values(), default=float(8 * spec.word_size))
        if spec.nbytes < _MIN_IMPROVED and new.saving(bits) > _ENOUGH:
            return
        limit = min(bits * _BETTER, bits - _MIN_GAIN * 8 * spec.word_size)
        near = self._search.nearest(new)
        better = (match for match in near if match.bits <= limit)
        known = list(named)
        for entry in self._entries(better, named, _MAX_FOUND):
            known.append(entry)
            yield entry
        yield from self._entries(self._search.summands(new, near), known, MOST_SUMMANDS)

    def sketch(self, name: str, spec: TensorSpec, value: memoryview) -> None:
        """Make the sketch of a value whose bases aren't searched for, to be remembered.

        Args:
            name: The parameter's name.
            spec: Dtype and shape.
            value: As for `beside`.
        """
        made = sketch(value, spec.as_bytes)
        if made:
            self._sketches[name] = made

    def is_distant(self, name: str, base: Entry) -> bool:
        """Whether a value has nothing in common with a named base, once `beside` has compared them.

        Args:
            name: The value's name.
            base: The base.
        """
        return (name, base.digest) in self._distant

    def of_other_forms(self, spec: TensorSpec, value: memoryview, named: Sequence[Entry]) -> Iterator[Entry]:
        """Values that a new one may be made of, those that names suggest first.

        Args:
            spec: Dtype and shape.
            value: As for `beside`.
            named: Parameters that it may be made of by their names.
        """
        yield from named
        if spec.nbytes >= _MIN_ARRANGED:
            found = self._search.other_forms(NewValue.of(value, spec.as_bytes))
            yield from self._entries(found, named, _MAX_PARTS)

    def remember(self, entries: Iterable[Entry]) -> None:
        """Keep the sketches of the file's values, once they're stored."""
        self._search.add(
            {entry.digest: self._sketches[entry.name] for entry in entries if entry.name in self._sketches}
        )
        self._search.contents.add(
            {entry.digest: self._contents[entry.name] for entry in entries if entry.name in self._contents}
        )

    def _with_content(self, name: str, value: memoryview, named: Sequence[Entry]) -> Iterator[Entry]:
        """Values of bytes that have content of a new one, at whatever places."""
        self._contents[name] = new = content_sketch(value)
        saved = self._search.contents.saving(new, (entry.digest for entry in named))
        least = saved + (1 - saved) * _MIN_CONTENT
        better = (
            _Content(TensorSpec("U8", (match.nbytes,)), match.digest)
            for match in self._search.contents.nearest(new)
            if match.saving >= least
        )
        yield from self._entries(better, named, _MAX_FOUND)

    def _entries(
        self, matches: Iterable[Match | _Content], named: Sequence[Entry], most: int
    ) -> Iterator[Entry]:
        """The first few of some stored values whose objects are here, but for the named ones."""
        digests = {entry.digest for entry in named}
        count = 0
        for match in matches:
            source = None if match.digest in digests else self._source_of(match.digest)
            found = readable(Entry("", match.spec, match.digest, source), self._store) if source else None
            if found:
                yield found
                count += 1
                if count == most:
                    return
