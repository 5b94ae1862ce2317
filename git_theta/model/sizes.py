"""Cost: how many bytes of objects manifests need, each counted once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from git_theta.model.manifest import Entry, Manifest, ObjectRef

#: Size of an object in bytes, `None` if it isn't there.
SizeOf = Callable[[str], int | None]


def entry_bytes(entry: Entry, size_of: SizeOf) -> int:
    """Bytes of an entry's payloads."""
    return payload_bytes(entry.source.payloads(), size_of)


def manifest_bytes(manifest: Manifest, size_of: SizeOf) -> int:
    """Bytes of everything that a manifest needs; what several entries share counts once."""
    return payload_bytes(
        (ref for entry in manifest.all_entries() for ref in entry.source.payloads()), size_of
    )


def added_payloads(old: Manifest | None, new: Manifest) -> set[ObjectRef]:
    """Payloads that a version needs and the one before it doesn't name, its layout's included."""
    known = {ref for entry in old.all_entries() for ref in entry.source.payloads()} if old else set()
    return {ref for entry in new.all_entries() for ref in entry.source.payloads()} - known


def payload_bytes(refs: Iterable[ObjectRef], size_of: SizeOf) -> int:
    """Bytes of distinct payloads; a whole object that is missing counts nothing, as its size is unknown."""
    return sum((size_of(ref.oid) or 0) if ref.length is None else ref.length for ref in set(refs))
