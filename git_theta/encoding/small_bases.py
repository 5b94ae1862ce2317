"""The stored values that new small values may be steps from: found, read and verified together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice

from git_theta.encoding.budget import can_be_extended
from git_theta.encoding.bundles import SmallBase
from git_theta.encoding.candidates import candidate_from, usable_bases
from git_theta.encoding.many_values import decode_bundled
from git_theta.encoding.value_writer import ValueWriter
from git_theta.errors import CorruptError, MissingObjectError, PluginError
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import TensorSpec
from git_theta.updates.steps import Steps

#: Errors of a base that can't be read: the new value is at hand, and is stored in another way.
_DAMAGES = (CorruptError, MissingObjectError, PluginError)


@dataclass(frozen=True, slots=True)
class _Link:
    """A value that steps may apply to: that of an entry, or the root of its chain."""

    entry: Entry
    source: Source


def small_bases(
    writer: ValueWriter, candidates: Sequence[Sequence[Entry]]
) -> Iterator[tuple[SmallBase, ...]]:
    """The bases of each of many new values.

    Args:
        writer: Knows the store, and how deep chains may be.
        candidates: For each new value the parameters of its dtype and shape that it may be steps from.
    """
    distances: dict[Hashable, int | None] = {}

    def link(entry: Entry) -> _Link | None:
        # Thousands of values are in the same bundles.
        key = entry.source.without_places, entry.spec.nbytes
        if key not in distances:
            distances[key] = _distance(writer, entry)
        distance, source = distances[key], entry.source
        for _ in range(distance or 0):
            source = source.inputs[0]
        return None if distance is None else _Link(entry, source)

    links = [_distinct([each for each in map(link, entries) if each]) for entries in candidates]
    bases = _read_all(writer, [*chain.from_iterable(links)])
    for own in links:
        yield tuple(filter(None, islice(bases, len(own))))


def base_of_source(writer: ValueWriter, source: Source, spec: TensorSpec) -> SmallBase | None:
    """The base that a source gives; `None` if it's damaged."""
    return _read(writer, _Link(Entry("", spec, "", Source(Steps.name, None, (source,))), source))


def _distinct(links: list[_Link]) -> list[_Link]:
    """Links without those of one source: several versions mostly have one root."""
    return links if len(links) < 2 else [*{link.source: link for link in links}.values()]


def _distance(writer: ValueWriter, entry: Entry) -> int | None:
    """The number of links from an entry's value to the root of its chain; `None` if that's no base.

    The line of the manifest would name one more payload for each link of a longer chain.
    """
    store, nbytes = writer.store, entry.spec.nbytes
    for root, at_limit in usable_bases(entry.source, nbytes, writer.depth, store.size)[-1:]:
        if not at_limit and writer.has(root) and can_be_extended(root, nbytes, store):
            return _depth_of(root, entry.source)
    return None


def _depth_of(link: Source, source: Source) -> int:
    """The number of links from a source to one in its chain."""
    return 0 if source is link else 1 + _depth_of(link, source.inputs[0])


def _read_all(writer: ValueWriter, links: Sequence[_Link]) -> Iterator[SmallBase | None]:
    """The values of links; `None` for one that's damaged."""
    verify = cache(writer.store.verify)
    decoded = decode_bundled([(link.source, link.entry.spec.nbytes) for link in links], writer.store)
    for link, data in zip(links, decoded, strict=True):
        if data is not None and _is_verified(link, data, verify):
            yield SmallBase(link.source, data)
        else:
            yield _read(writer, link)


def _is_verified(link: _Link, data: memoryview, verify: Callable[[str], object]) -> bool:
    """Whether the decoded bytes of a link are right: by the entry's digest, or by the names of objects."""
    if link.source is link.entry.source:
        return digest(data) == link.entry.digest
    try:
        for ref in link.source.payloads():
            verify(ref.oid)
    except _DAMAGES:
        return False
    return True


def _read(writer: ValueWriter, link: _Link) -> SmallBase | None:
    entry, source = link.entry, link.source
    try:
        data = b"".join(candidate_from(writer.store, entry, source).base.read(entry.spec.nbytes))
    except _DAMAGES:
        return None
    return SmallBase(source, data) if len(data) == entry.spec.nbytes else None
