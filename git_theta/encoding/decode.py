"""The value of a source: walk its tree, decode, and check the result against its digest."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from blake3 import blake3

from git_theta import updates
from git_theta.errors import CorruptError, MissingObjectError, ThetaError
from git_theta.model.manifest import Entry, Manifest, ObjectRef, Source
from git_theta.store.base import Store, missing
from git_theta.updates.base import Pieces

_REPAIR = "fetch damaged objects again: git theta fsck --repair"


def checked(entry: Entry, store: Store) -> Iterator[memoryview]:
    """The logical bytes of an entry, in pieces; each is valid until the next is asked for.

    The digest is known only after the last piece: don't use any before the iterator has ended.

    Raises:
        CorruptError: The bytes aren't those that were stored; names parameter and object.
        MissingObjectError: An object isn't in the store; names parameter and object.
    """
    hasher = blake3()
    size = 0
    try:
        for piece in evaluate(entry.source, entry.spec.nbytes, store):
            hasher.update(piece)
            size += len(piece)
            yield piece
    except MissingObjectError as error:
        raise _of(entry, error) from error
    except CorruptError as error:
        what = f"parameter {entry.name!r}: {error.message}{_where(entry)}"
        raise CorruptError(what, error.hint or _REPAIR) from error
    if size != entry.spec.nbytes or hasher.hexdigest() != entry.digest:
        wrong = f"the value doesn't have the digest {entry.digest[:16]}…"
        raise CorruptError(f"parameter {entry.name!r}: {wrong}{_where(entry)}", _REPAIR)


def require(manifest: Manifest, store: Store) -> None:
    """Check that every object that a manifest needs is in the store; their bytes aren't read.

    Raises:
        MissingObjectError: One isn't; names parameter and object.
    """
    for entry in manifest.all_entries():
        for ref in entry.source.payloads():
            if not store.has(ref.oid):
                raise _of(entry, missing(ref.oid))


def _of(entry: Entry, error: MissingObjectError) -> MissingObjectError:
    return MissingObjectError(f"parameter {entry.name!r}: {error.message}", error.hint)


def _where(entry: Entry) -> str:
    oids = dict.fromkeys(ref.oid for ref in entry.source.payloads())
    return f" (object {', '.join(oids)})" if oids else ""


def evaluate(source: Source, nbytes: int, store: Store) -> Pieces:
    """The bytes that a source tree gives, unchecked.

    Raises:
        CorruptError: A payload can't be decoded.
        MissingObjectError: An object isn't in the store.
    """
    try:
        update = updates.registry().get(source.update)
    except ThetaError as error:
        raise CorruptError(error.message, error.hint) from error
    payload = _payload(source.payload, store) if source.payload else None
    inputs = [partial(_input, part, store) for part in source.inputs]
    return update.decode(payload, inputs, nbytes)


def _input(source: Source, store: Store, nbytes: int) -> Pieces:
    return evaluate(source, nbytes, store)


def _payload(ref: ObjectRef, store: Store) -> memoryview:
    if ref.length is None:
        return store.get(ref.oid)
    payload = store.part(ref.oid, ref.offset, ref.length)
    if len(payload) != ref.length:
        raise CorruptError(f"object {ref.oid} is too short: it ends {ref.length - len(payload)} bytes early")
    return payload
