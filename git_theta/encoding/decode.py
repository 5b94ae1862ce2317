"""Decoding: the value that a source tree gives, checked against the digest of its entry."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from blake3 import blake3

from git_theta import updates
from git_theta.encoding.budget import check_value
from git_theta.encoding.readable import is_complete, missing_values
from git_theta.encoding.stored_input import StoredInput
from git_theta.encoding.stored_payload import read_payload
from git_theta.errors import CorruptError, ExcessError, MissingObjectError, PluginError
from git_theta.model.layout import MAX_LAYOUT_BYTES, Layout, parse_layout
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.store.base import Store, missing_object
from git_theta.updates.base import Pieces, Update
from git_theta.updates.bundle import Bundle, Bundling, takes_bundles
from git_theta.updates.demand import tells_demand
from git_theta.updates.whole_value import whole_value

#: The number of objects that an error names: a value may be made from thousands.
_MOST_NAMED = 8

_REPAIR = "fetch damaged objects again: git theta fsck --repair"


def read_value(entry: Entry, store: Store) -> Iterator[memoryview]:
    """The logical bytes of an entry's value, in pieces; each is valid until the next is asked for.

    If an object is missing, an alternative source of the store gives the value, or the rest of it. The digest
    is compared after the last piece: if this raises, throw away what came of earlier pieces.

    Raises:
        CorruptError: The bytes aren't those that were stored; the message names parameter and object.
        MissingObjectError: An object isn't in the store; the message names parameter and object.
        PluginError: An update isn't installed, or can't be used; the message names parameter and update.
    """
    hasher = blake3()
    size = 0
    try:
        for piece in _decode_any(entry, store):
            hasher.update(piece)
            size += len(piece)
            yield piece
    except MissingObjectError as error:
        raise _with_parameter(entry, error) from error
    except PluginError as error:
        raise PluginError(f"parameter {entry.name!r}: {error.message}", error.hint, error.reason) from error
    except CorruptError as error:
        message = f"parameter {entry.name!r}: {error.message}{_objects_of(entry)}"
        raise type(error)(message, error.hint or _REPAIR) from error
    if size != entry.spec.nbytes or hasher.hexdigest() != entry.digest:
        message = f"parameter {entry.name!r}: the value doesn't have the digest {entry.digest[:16]}…"
        raise CorruptError(f"{message}{_objects_of(entry)}", _REPAIR)


def _decode_any(entry: Entry, store: Store) -> Pieces:
    """The bytes that an entry's source gives, or an alternative one from where an object is missing."""
    done = 0
    try:
        for piece in decode_source(entry.source, entry.spec.nbytes, store):
            done += len(piece)
            yield piece
    except MissingObjectError as error:
        other = store.alternatives.get(entry.digest) if store.alternatives else None
        if other is None or other == entry.source or not is_complete(other, store.has):
            raise
        missing = error
    else:
        return
    try:
        yield from _after(_checked(entry, other, store), done)
    except (CorruptError, ExcessError, MissingObjectError, PluginError) as error:
        # Anybody may have written it. The own source's object is what must be had.
        text = f"{missing.message}, and the alternative source doesn't give the value: {error.message}"
        raise MissingObjectError(text, missing.hint) from error


def _checked(entry: Entry, source: Source, store: Store) -> Pieces:
    """The bytes that another source gives for an entry, compared with its digest after the last piece."""
    hasher = blake3()
    for piece in decode_source(source, entry.spec.nbytes, store):
        hasher.update(piece)
        yield piece
    if hasher.hexdigest() != entry.digest:
        raise CorruptError("it has another digest")


def _after(pieces: Pieces, start: int) -> Pieces:
    """Pieces without their first bytes."""
    for piece in pieces:
        skipped = min(start, len(piece))
        start -= skipped
        if skipped < len(piece):
            yield piece[skipped:]


def read_layout(manifest: Manifest, store: Store) -> Layout:
    """The layout of a manifest's file, which may still have places that aren't those of its parameters.

    Raises:
        CorruptError: The layout is damaged, larger than `MAX_LAYOUT_BYTES`, or of a file of another size.
        MissingObjectError: The layout's object isn't in the store.
    """
    nbytes = manifest.layout.spec.nbytes
    if nbytes > MAX_LAYOUT_BYTES:
        raise CorruptError(f"a layout of {nbytes:,} bytes is larger than the limit of {MAX_LAYOUT_BYTES:,}")
    layout = parse_layout(b"".join(map(bytes, read_value(manifest.layout, store))))
    if layout.size != manifest.size:
        raise CorruptError(f"the layout is of a file of {layout.size} bytes, not {manifest.size}")
    return layout


def require_objects(manifest: Manifest, store: Store) -> None:
    """Check that the store has the objects of every value of a manifest, without reading them.

    Raises:
        MissingObjectError: One isn't there, and no alternative source is complete; the message names
            parameter and object.
    """
    for entry in missing_values(manifest, store):
        for ref in entry.source.payloads():
            if not store.has(ref.oid):
                raise _with_parameter(entry, missing_object(ref.oid))


def _with_parameter(entry: Entry, error: MissingObjectError) -> MissingObjectError:
    return MissingObjectError(f"parameter {entry.name!r}: {error.message}", error.hint)


def _objects_of(entry: Entry) -> str:
    oids = list(dict.fromkeys(ref.oid for ref in entry.source.payloads()))
    more = f", and {len(oids) - _MOST_NAMED} more" if len(oids) > _MOST_NAMED else ""
    return f" (object {', '.join(oids[:_MOST_NAMED])}{more})" if oids else ""


def decode_source(source: Source, nbytes: int, store: Store) -> Pieces:
    """The bytes that a source tree gives, in pieces, not checked against a digest.

    Args:
        source: The tree.
        nbytes: Size of the value.
        store: Where its objects are.

    Raises:
        CorruptError: A payload can't be decoded.
        ExcessError: Decoding takes more than the limits of the store.
        MissingObjectError: An object isn't in the store.
        PluginError: An update isn't installed, or can't be used.
    """
    check_value(source, nbytes, store)
    yield from _decode(source, store, nbytes)


def decode_verified(source: Source, store: Store, nbytes: int) -> Pieces:
    """The value of a source whose digest isn't known: its objects are checked instead.

    Raises:
        CorruptError: An object isn't what its name says, or a payload can't be decoded.
        MissingObjectError: An object isn't in the store.
    """
    for ref in source.payloads():
        store.verify(ref.oid)
    return decode_source(source, nbytes, store)


def _decode(source: Source, store: Store, nbytes: int) -> Pieces:
    """The bytes that a tree gives whose demands are known to be within the limits."""
    registry = updates.registry()
    update = registry.get(source.update)
    # An update that doesn't tell what it takes may ask for inputs of any size.
    read = _decode if tells_demand(update) else _decode_checked
    inputs = [StoredInput(part, store, partial(read, part, store)) for part in source.inputs]
    with registry.guard(source.update):
        if source.place is not None and source.payload:
            bundling = bundling_of(source, update)
            bases = [whole_value(read, nbytes) for read in inputs]
            yield from bundling.decode_bundled(
                open_bundle(bundling, source.payload, store), [source.place], bases, nbytes
            )
        else:
            payload = read_payload(source.payload, store) if source.payload else None
            yield from update.decode(payload, inputs, nbytes)


def bundling_of(source: Source, update: Update) -> Bundling:
    """The update of a source whose value is in a bundle.

    Raises:
        CorruptError: The update has no bundles, or applies to another number of values.
    """
    if not takes_bundles(update):
        raise CorruptError(f"an update of kind {source.update!r} has no bundles")
    if len(source.inputs) != update.base_count:
        count = len(source.inputs)
        raise CorruptError(f"a value of kind {source.update!r} in a bundle can't have {count} inputs")
    return update


def open_bundle(update: Bundling, ref: ObjectRef, store: Store) -> Bundle:
    """A bundle, remembered for the other values that are in it.

    Raises:
        CorruptError: The payload isn't a bundle of the update.
        MissingObjectError: The object isn't in the store.
    """
    return store.bundles.get((update.name, ref), lambda: update.open_bundle(read_payload(ref, store)))


def _decode_checked(source: Source, store: Store, nbytes: int) -> Pieces:
    return decode_source(source, nbytes, store)
