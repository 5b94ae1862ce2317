"""Known values: each with all ways to it that the store has, and what they take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from git_theta.encoding.readable import Has, is_complete
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.sizes import SizeOf, payload_bytes
from git_theta.model.tensor import TensorSpec
from git_theta.updates import RESHAPING
from git_theta.updates.recipe import Recipe

#: Gives the digest of the value that a source gives; `None` if it isn't known.
DigestOf = Callable[[Source], str | None]


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A value that can be read here.

    Attributes:
        spec: Dtype and shape.
        digest: BLAKE3-256 of the value.
        sources: Its sources whose objects are here, the preferred one first.
        named: Its sources in manifests, whose objects may be missing.
    """

    spec: TensorSpec
    digest: str
    sources: tuple[Source, ...]
    named: frozenset[Source]

    @property
    def current(self) -> Source:
        """The preferred source."""
        return self.sources[0]

    def entry(self, source: Source | None = None) -> Entry:
        """An entry of the value by a source; by the preferred one without."""
        return Entry(self.digest, self.spec, self.digest, source or self.current)


@dataclass(frozen=True, slots=True)
class KnownValues:
    """The values of a repository.

    Attributes:
        values: By digest.
        needed: Payloads of values that can't be read here: they stay.
    """

    values: Mapping[str, KnownValue]
    needed: frozenset[ObjectRef]

    def digests_by_source(self) -> dict[Source, str]:
        """The digest of the value that each source gives."""
        return {source: value.digest for value in self.values.values() for source in value.sources}


def known_values(entries: Iterable[Entry], alternatives: Mapping[str, Source], has: Has) -> KnownValues:
    """The values of entries.

    Args:
        entries: Entries of manifests.
        alternatives: Alternative sources by digest, which are preferred.
        has: Tells whether an object is here.
    """
    named: dict[str, dict[Source, None]] = {}
    specs: dict[str, TensorSpec] = {}
    for entry in entries:
        named.setdefault(entry.digest, {})[entry.source] = None
        specs.setdefault(entry.digest, entry.spec)
    values: dict[str, KnownValue] = {}
    needed: set[ObjectRef] = set()
    for digest, sources in named.items():
        other = alternatives.get(digest)
        every = dict.fromkeys([other, *sources] if other else sources)
        complete = tuple(source for source in every if is_complete(source, has))
        if complete:
            values[digest] = KnownValue(specs[digest], digest, complete, frozenset(sources))
        else:
            needed.update(ref for source in every for ref in source.payloads())
    return KnownValues(values, frozenset(needed))


def base_of(source: Source, digest_of: DigestOf) -> str | None:
    """The digest of the value that a source is an update of, element by element; `None` if there's none."""
    if len(source.inputs) != 1 or source.place is not None or source.update in (*RESHAPING, Recipe.name):
        return None
    return digest_of(source.inputs[0])


def own_bytes(source: Source, digest_of: DigestOf, size_of: SizeOf) -> int:
    """Bytes of a source's payloads, without those of inputs that are known values: these are there anyway."""
    below = sum(own_bytes(part, digest_of, size_of) for part in source.inputs if digest_of(part) is None)
    return (payload_bytes([source.payload], size_of) if source.payload else 0) + below
