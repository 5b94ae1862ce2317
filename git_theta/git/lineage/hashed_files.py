"""Digests of whole files as they would be checked out, for statements about files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress

from blake3 import blake3

from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.repository import Repository
from git_theta.lineage.exports.lineage_document import HashedFile
from git_theta.model.digest import digest
from git_theta.model.manifest import Manifest
from git_theta.smudge import Smudger

#: Bytes that are read at once.
_PIECE = 1 << 20


class FileHasher:
    """Rebuilds files in temporary ones and hashes them, each version of a file once.

    Args:
        repository: The repository, whose store gets the objects that are missing.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._found: dict[str, HashedFile] = {}

    def hashed(self, path: str, manifest: Manifest) -> HashedFile:
        """The digests of a checkpoint, all values of which are checked against their digests on the way.

        Args:
            path: The file's path.
            manifest: Its manifest.

        Raises:
            CorruptError: Stored bytes aren't what they should be.
            MissingObjectError: No remote has an object.
            ThetaError: The file can't be written.
        """
        version = digest(manifest.to_bytes())
        if version not in self._found:
            self._found[version] = self._rebuilt(path, manifest)
        known = self._found[version]
        return HashedFile(path, known.size, known.sha256, known.blake3)

    def _rebuilt(self, path: str, manifest: Manifest) -> HashedFile:
        repository = self._repository
        ensure_values(repository, manifest.all_entries())
        handle = repository.store.temporary_file()
        try:
            Smudger(repository.store.kept_open, repository.settings.thread_count).smudge(manifest, handle)
            return _hash(path, _pieces(handle))
        finally:
            with suppress(OSError):
                os.close(handle)


def hashed_bytes(path: str, data: bytes) -> HashedFile:
    """The digests of a file whose bytes are at hand."""
    return _hash(path, [data])


def _hash(path: str, pieces: Iterable[bytes]) -> HashedFile:
    sha256, b3, size = hashlib.sha256(), blake3(), 0
    for piece in pieces:
        sha256.update(piece)
        b3.update(piece)
        size += len(piece)
    return HashedFile(path, size, sha256.hexdigest(), b3.hexdigest())


def _pieces(handle: int) -> Iterable[bytes]:
    offset = 0
    while piece := os.pread(handle, _PIECE, offset):
        yield piece
        offset += len(piece)
