"""Readable entries: each with a source whose objects a store has, its own or an alternative one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache

from git_theta.model.manifest import Entry, Manifest, Source
from git_theta.store.base import Store

#: Tells whether an object is here, in the sense that a caller needs: now, or for ever.
Has = Callable[[str], bool]


def is_complete(source: Source, has: Has) -> bool:
    """Whether every object of a source is here."""
    return all(has(ref.oid) for ref in source.payloads())


def readable(entry: Entry, store: Store, has: Has | None = None) -> Entry | None:
    """The entry with a source whose objects are here, its own one if that can be; `None` if there's none.

    Args:
        entry: The entry.
        store: Where objects are, and alternative sources.
        has: Tells whether an object is here; by default, whether the store has it.
    """
    has = has or store.has
    if is_complete(entry.source, has):
        return entry
    other = store.alternatives.get(entry.digest) if store.alternatives else None
    return replace(entry, source=other) if other and is_complete(other, has) else None


def as_readable(entries: Iterable[Entry], store: Store) -> list[Entry]:
    """Entries with sources that can be read; those for which there's none stay as they are."""
    if not store.alternatives:
        return list(entries)
    # Thousands of values share a pack.
    has = cache(store.has)
    return [readable(entry, store, has) or entry for entry in entries]


def are_readable(entries: Iterable[Entry], store: Store, has: Has | None = None) -> bool:
    """Whether every value can be read from what is here; arguments as for `readable`."""
    has = cache(has or store.has)
    return all(readable(entry, store, has) for entry in entries)


def missing_values(manifest: Manifest, store: Store, has: Has | None = None) -> list[Entry]:
    """The entries of a manifest whose values can't be read from what is here; arguments as for `readable`."""
    has = cache(has or store.has)
    return [] if all(map(has, manifest.objects())) else lacking_values(manifest.all_entries(), store, has)


def lacking_values(entries: Iterable[Entry], store: Store, has: Has | None = None) -> list[Entry]:
    """The entries whose values can't be read from what is here; arguments as for `readable`."""
    has = cache(has or store.has)
    return [entry for entry in entries if not readable(entry, store, has)]


def lacking_objects(entries: Iterable[Entry], store: Store, has: Has | None = None) -> dict[str, int | None]:
    """Objects that must be fetched so that values can be read, with their sizes in bytes where they're known.

    Of the sources of a value, the one that lacks fewer bytes counts, beside what other values need: its own
    one, unless the other is known to lack less. Arguments are those of `readable`.
    """
    has = cache(has or store.has)
    found: dict[str, int | None] = {}
    choices: list[tuple[Source, Source]] = []
    for entry in entries:
        if is_complete(entry.source, has):
            continue
        other = store.alternatives.get(entry.digest) if store.alternatives else None
        if other:
            choices.append((entry.source, other))
        else:
            _add(found, _lacking(entry.source, has))

    def further(source: Source) -> dict[str, int | None]:
        return {oid: size for oid, size in _lacking(source, has).items() if oid not in found}

    for own, other in choices:
        _add(found, min(further(own), further(other), key=_bytes))
    return found


def other_objects(entries: Iterable[Entry], store: Store, has: Has) -> dict[str, int | None]:
    """Objects that the alternative sources of values lack, with their sizes; arguments as for `readable`."""
    found: dict[str, int | None] = {}
    for entry in entries:
        other = store.alternatives.get(entry.digest) if store.alternatives else None
        found |= _lacking(other, has) if other else {}
    return found


def own_objects(entries: Iterable[Entry], _store: Store, has: Has) -> dict[str, int | None]:
    """Objects that the own sources of values lack, with their sizes; arguments as for `readable`."""
    found: dict[str, int | None] = {}
    for entry in entries:
        found |= _lacking(entry.source, has)
    return found


def _add(found: dict[str, int | None], objects: Mapping[str, int | None]) -> None:
    """Add objects to those that were found, whose sizes may be unknown."""
    for oid, size in objects.items():
        found[oid] = size or found.get(oid)


def _lacking(source: Source, has: Has) -> dict[str, int | None]:
    """The objects of a source that aren't here, with their sizes."""
    return {ref.oid: ref.size for ref in source.payloads() if not has(ref.oid)}


def _bytes(objects: Mapping[str, int | None]) -> float:
    """The bytes of some objects; infinite if one is unknown."""
    return sum(float("inf") if size is None else size for size in objects.values())
