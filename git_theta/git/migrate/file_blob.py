"""Blobs of files: each holds a file itself, or says in one of several ways where it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from git_theta.errors import ThetaError
from git_theta.git.migrate.attributes import Target
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.migrate.legacy_files import (
    MAX_METADATA_BYTES,
    is_legacy_metadata,
    metadata_reader,
    needed_lfs_objects,
)
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, is_manifest, parse_manifest
from git_theta.model.sizes import payload_bytes
from git_theta.report.text import printable
from git_theta.store.lfs.pointer import MAX_POINTER_BYTES, Pointer, parse_pointer
from git_theta.store.local import LocalStore

StorageKind = Literal["theta", "lfs", "plain", "theta-0.2", "empty"]

#: Blobs up to this size are kept in memory when they have to be kept.
IN_MEMORY = 4 << 20


@dataclass(frozen=True, slots=True)
class FileBlob:
    """A blob of a file, and how it stores the file.

    Attributes:
        kind: How the file is stored.
        blob_size: The blob's bytes.
        size: The file's bytes; `None` if they can't be known from the blob.
        pointer: The LFS pointer that the blob is.
        manifest: The manifest that the blob is, as long as it's worth keeping.
        lfs: LFS objects that the file needs: oid → size.
        path: The blob's path, if it's metadata of git-theta 0.2, which can't be read without.
    """

    kind: StorageKind
    blob_size: int
    size: int | None
    pointer: Pointer | None = None
    manifest: Manifest | None = None
    lfs: Mapping[str, int] = field(default_factory=dict)
    path: str = ""

    def is_stored_as(self, target: Target) -> bool:
        """Whether the file is stored so already. An empty file is an empty blob everywhere."""
        return self.kind in (target, "empty")

    def without_manifest(self) -> FileBlob:
        """The same, less the manifest: there may be thousands of blobs."""
        return replace(self, manifest=None)


def read_file_blob(objects: GitObjects, oid: str, path: bytes, *, manifests: bool) -> FileBlob:
    """Find out how a blob stores its file.

    Args:
        objects: The repository's objects.
        oid: The blob.
        path: A path of the blob.
        manifests: Whether manifests are to be parsed, and must be valid.

    Raises:
        ThetaError: It's a manifest or a pointer that can't be read.
    """
    found = objects.head(oid, IN_MEMORY)
    if found.data.startswith(b"{") and found.size <= MAX_METADATA_BYTES:
        found = objects.read(oid)
    try:
        if not found.size:
            return FileBlob("empty", 0, 0)
        if is_manifest(found.data) and found.size <= MAX_TEXT_BYTES:
            if not manifests:
                return FileBlob("theta", found.size, None)
            manifest = parse_manifest(found.data if len(found.data) == found.size else objects.read(oid).data)
            return FileBlob("theta", found.size, manifest.size, manifest=manifest)
        pointer = parse_pointer(found.data) if found.size < MAX_POINTER_BYTES else None
        if pointer:
            needs = {pointer.oid: pointer.size} if pointer.size else {}
            return FileBlob("lfs", found.size, pointer.size, pointer=pointer, lfs=needs)
        if is_legacy_metadata(found.data):
            name = os.fsdecode(path)
            needs = needed_lfs_objects(found.data, metadata_reader(objects, name))
            return FileBlob("theta-0.2", found.size, None, lfs=needs, path=name)
        return FileBlob("plain", found.size, found.size)
    except ThetaError as error:
        where = printable(os.fsdecode(path))
        raise type(error)(f"{where}: blob {oid}: {error.message}", error.hint) from error


class Tally:
    """Adds up the bytes that stored files take, each object and payload once.

    Args:
        store: The objects of manifests.
    """

    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._blobs: dict[str, int] = {}
        self._lfs: dict[str, int] = {}
        self._payloads: set[object] = set()
        self._payload_bytes = 0

    def add(self, oid: str, blob: FileBlob) -> None:
        """Count a blob and the objects that it needs."""
        self._blobs[oid] = blob.blob_size
        self._lfs.update(blob.lfs)
        if blob.manifest:
            refs = {ref for e in blob.manifest.all_entries() for ref in e.source.payloads()}
            self._payload_bytes += payload_bytes(refs - self._payloads, self._store.size)
            self._payloads |= refs

    @property
    def bytes(self) -> int:
        """The sum."""
        return sum(self._blobs.values()) + sum(self._lfs.values()) + self._payload_bytes
