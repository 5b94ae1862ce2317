"""Sizes: bytes of the payloads that entries and manifests need, each counted once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from git_theta.model.manifest import Entry, Manifest, ObjectRef

#: Gives the size of an object in bytes; `None` for a missing object.
SizeOf = Callable[[str], int | None]


def entry_bytes(entry: Entry, size_of: SizeOf) -> int:
    """Bytes of an entry's payloads."""
    return payload_bytes(entry.source.payloads(), size_of)


def manifest_bytes(manifest: Manifest, size_of: SizeOf) -> int:
    """Bytes of all payloads that a manifest needs; a payload of several entries counts once."""
    return payload_bytes(
        (ref for entry in manifest.all_entries() for ref in entry.source.payloads()), size_of
    )


def added_payloads(old: Manifest | None, new: Manifest) -> set[ObjectRef]:
    """Payloads that a version needs and the version before it doesn't name, that of the layout included."""
    known = {ref for entry in old.all_entries() for ref in entry.source.payloads()} if old else set()
    return {ref for entry in new.all_entries() for ref in entry.source.payloads()} - known


def payload_bytes(refs: Iterable[ObjectRef], size_of: SizeOf) -> int:
    """Bytes of distinct payloads; a missing whole object counts 0, as its size is unknown."""
    return sum((size_of(ref.oid) or 0) if ref.length is None else ref.length for ref in set(refs))
