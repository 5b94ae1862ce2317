"""What a blob stands for: a file itself, or one that it only names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from git_theta.errors import ThetaError
from git_theta.git.migrate import legacy_files as legacy
from git_theta.git.migrate.attributes import Target
from git_theta.git.migrate.git_objects import Objects
from git_theta.model.manifest import MAX_TEXT_BYTES, Manifest, is_manifest, parse
from git_theta.model.sizes import payload_bytes
from git_theta.report.text import printable
from git_theta.store.lfs.pointer import MAX_POINTER_BYTES, Pointer, parse_pointer
from git_theta.store.local import LocalStore

Kind = Literal["theta", "lfs", "plain", "theta-0.2", "empty"]

#: Blobs up to this size are kept in memory when they have to be kept.
IN_MEMORY = 4 << 20


@dataclass(frozen=True, slots=True)
class Stored:
    """A blob, and what it stands for.

    Attributes:
        kind: How its file is stored.
        blob_size: The blob's bytes.
        size: The file's bytes; `None` where the blob doesn't tell.
        pointer: What it points to, if it's an LFS pointer.
        manifest: What it says, if it's a manifest and was read a moment ago.
        lfs: LFS objects that it needs: name → size.
        path: Where it was found, if it's metadata of git-theta 0.2, which says less than all.
    """

    kind: Kind
    blob_size: int
    size: int | None
    pointer: Pointer | None = None
    manifest: Manifest | None = None
    lfs: Mapping[str, int] = field(default_factory=dict)
    path: str = ""

    def is_as(self, target: Target) -> bool:
        """Whether nothing is to be done. An empty file is an empty blob everywhere."""
        return self.kind in (target, "empty")

    def lean(self) -> Stored:
        """Without the manifest: there may be thousands."""
        return replace(self, manifest=None)


def read_stored(objects: Objects, oid: str, path: bytes, *, manifests: bool) -> Stored:
    """Find out what a blob is.

    Args:
        objects: Where it's read from.
        oid: Its id.
        path: Where it was found.
        manifests: Whether manifests are to be parsed, and must be valid.

    Raises:
        ThetaError: It's a manifest or a pointer that can't be read.
    """
    found = objects.head(oid, IN_MEMORY)
    if found.data.startswith(b"{") and found.size <= legacy.MAX_BYTES:
        found = objects.read(oid)
    try:
        if not found.size:
            return Stored("empty", 0, 0)
        if is_manifest(found.data) and found.size <= MAX_TEXT_BYTES:
            if not manifests:
                return Stored("theta", found.size, None)
            manifest = parse(found.data if len(found.data) == found.size else objects.read(oid).data)
            return Stored("theta", found.size, manifest.size, manifest=manifest)
        pointer = parse_pointer(found.data) if found.size < MAX_POINTER_BYTES else None
        if pointer:
            needs = {pointer.oid: pointer.size} if pointer.size else {}
            return Stored("lfs", found.size, pointer.size, pointer=pointer, lfs=needs)
        if legacy.is_metadata(found.data):
            name = os.fsdecode(path)
            needs = legacy.needs(found.data, legacy.earlier(objects, name))
            return Stored("theta-0.2", found.size, None, lfs=needs, path=name)
        return Stored("plain", found.size, found.size)
    except ThetaError as error:
        where = printable(os.fsdecode(path))
        raise type(error)(f"{where}: blob {oid}: {error.message}", error.hint) from error


class Tally:
    """Adds up what stored files cost, each object and payload once.

    Args:
        store: Where the objects of manifests are.
    """

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._blobs: dict[str, int] = {}
        self._lfs: dict[str, int] = {}
        self._payloads: set[object] = set()
        self._payload_bytes = 0

    def add(self, oid: str, stored: Stored) -> None:
        """Count a blob and what it needs."""
        self._blobs[oid] = stored.blob_size
        self._lfs.update(stored.lfs)
        if stored.manifest:
            refs = {ref for e in stored.manifest.all_entries() for ref in e.source.payloads()}
            self._payload_bytes += payload_bytes(refs - self._payloads, self._store.size)
            self._payloads |= refs

    @property
    def bytes(self) -> int:
        """The sum."""
        return sum(self._blobs.values()) + sum(self._lfs.values()) + self._payload_bytes
