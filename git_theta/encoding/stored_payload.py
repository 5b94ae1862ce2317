"""Payloads in a store: whole objects, and ranges of them."""

from __future__ import annotations

from git_theta.errors import CorruptError
from git_theta.model.manifest import ObjectRef
from git_theta.store.base import Store


def read_payload(ref: ObjectRef, store: Store) -> memoryview:
    """The bytes of a payload.

    Raises:
        CorruptError: The object ends before the payload does.
        MissingObjectError: The object isn't in the store.
    """
    if ref.length is None:
        return store.get(ref.oid)
    payload = store.part(ref.oid, ref.offset, ref.length)
    if len(payload) != ref.length:
        raise CorruptError(f"object {ref.oid} is too short: it ends {ref.length - len(payload)} bytes early")
    return payload
