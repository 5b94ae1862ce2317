"""Sizes: bytes of the payloads that entries and manifests need, each counted once."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source

#: Gives the size of an object in bytes; `None` for a missing object.
SizeOf = Callable[[str], int | None]


def entry_bytes(entry: Entry, size_of: SizeOf) -> int:
    """Bytes of an entry's payloads; of bundles, the value's share."""
    return source_bytes(entry.source, entry.spec.nbytes, size_of)


def source_bytes(source: Source, nbytes: int, size_of: SizeOf) -> int:
    """Bytes that are stored for one value; of a bundle, at most the value's size.

    Args:
        source: How the value is made.
        nbytes: Size of the value in bytes.
        size_of: Gives the size of an object.
    """
    bundles = {one.payload for one in source.sources() if one.place is not None}
    shares = sum(min(nbytes, payload_bytes([ref], size_of)) for ref in bundles if ref)
    return shares + payload_bytes((ref for ref in source.payloads() if ref not in bundles), size_of)


def manifest_bytes(manifest: Manifest, size_of: SizeOf) -> int:
    """Bytes of all payloads that a manifest needs; a payload of several entries counts once."""
    return payload_bytes(
        (ref for entry in manifest.all_entries() for ref in entry.source.payloads()), size_of
    )


def added_payloads(old: Manifest | None, new: Manifest) -> set[ObjectRef]:
    """Payloads that a version needs and the version before it doesn't name, that of the layout included."""
    known = {ref for entry in old.all_entries() for ref in entry.source.payloads()} if old else set()
    return {ref for entry in new.all_entries() for ref in entry.source.payloads()} - known


def known_bytes(refs: Iterable[ObjectRef], size_of: SizeOf) -> int | None:
    """Bytes of distinct payloads; `None` if the size of any isn't known, here or in its manifest."""
    sizes = [ref.size or size_of(ref.oid) if ref.length is None else ref.length for ref in set(refs)]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def payload_bytes(refs: Iterable[ObjectRef], size_of: SizeOf) -> int:
    """Bytes of distinct payloads; a missing whole object counts 0, as its size is unknown."""
    return sum((size_of(ref.oid) or 0) if ref.length is None else ref.length for ref in set(refs))
