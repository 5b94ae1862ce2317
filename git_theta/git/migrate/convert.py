"""Converting one blob: from whatever it is, through the file that it stands for, to what it should be."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from threading import Lock

from git_theta.clean import Cleaner
from git_theta.errors import GitError, ManifestError
from git_theta.git.migrate import legacy_files as legacy
from git_theta.git.migrate.attributes import Target
from git_theta.git.migrate.file_blob import IN_MEMORY, Stored
from git_theta.git.migrate.git_objects import Objects
from git_theta.git.migrate.lfs_objects import checked, pieces
from git_theta.git.migrate.pack_writer import Pack
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.lfs_ref import pointer
from git_theta.git.worktree.smudge_filter import smudge
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import MAX_TEXT_BYTES, Manifest, Source, is_manifest, parse, valid_manifest
from git_theta.runtime.mapped import map_handle
from git_theta.store.lfs.pointer import Pointer
from git_theta.store.local import LocalStore

#: New files are compared with so many of those that were converted last.
_RECENT = 8


class Converter:
    """Converts blobs of one repository.

    Args:
        workspace: How files are cleaned and smudged.
        objects: Where blobs are read from.
        lfs: The objects of git-lfs.
        pack: Where new blobs go, but for plain files: those go to the repository at once.
    """

    def __init__(self, workspace: Workspace, objects: Objects, lfs: LocalStore, pack: Pack) -> None:
        self._workspace = workspace
        self._objects = objects
        self._lfs = lfs
        self._pack = pack
        self._recent: deque[Manifest] = deque(maxlen=_RECENT)
        self._cache = workspace.repository.cache()
        self._cache_turn = Lock()

    def close(self) -> None:
        """Write down which values are stored."""
        self._cache.close()

    def convert(
        self,
        oid: str,
        stored: Stored,
        target: Target,
        path: str,
        previous: list[Manifest],
        advance: Callable[[int], object],
    ) -> tuple[str, Stored]:
        """Store a blob's file in another way.

        Args:
            oid: The blob.
            stored: What it is.
            target: How its file is to be stored.
            path: Where it is, from the top of the work tree.
            previous: Manifests of earlier versions.
            advance: Called with the number of bytes that are done.

        Returns:
            Id of the new blob, and what it is.

        Raises:
            ThetaError: The file can't be had, or can't be stored.
        """
        data = self.content(oid, stored)
        if not data:
            return self._pack.add("blob", b""), Stored("empty", 0, 0)
        if target == "plain":
            advance(len(data))
            return _hash(self._workspace.repository.git, data), Stored("plain", len(data), len(data))
        if target == "lfs":
            found = Pointer(self._lfs.put(pieces(data)), len(data))
            text = pointer(found.oid, found.size)
            advance(len(data))
            lfs = {found.oid: found.size}
            return self._pack.add("blob", text), Stored("lfs", len(text), len(data), pointer=found, lfs=lfs)
        if is_manifest(data):
            raise ManifestError(f"{path}: the file is a manifest itself")
        manifest = self._cleaner(path, advance).clean(data, previous).manifest
        self._recent.append(manifest)
        with self._cache_turn:
            self._cache.remember(manifest)
        text = manifest.to_bytes()
        return self._pack.add("blob", text), Stored("theta", len(text), len(data), manifest=manifest)

    def content(self, oid: str, stored: Stored) -> memoryview:
        """The file that a blob stands for, in memory or mapped.

        Raises:
            MissingObjectError: An object isn't there.
            CorruptError: One is damaged.
        """
        if stored.kind == "empty" or stored.size == 0:
            return memoryview(b"")
        if stored.pointer:
            return checked(self._lfs, stored.pointer.oid, stored.pointer.size)
        if stored.kind == "plain" and stored.blob_size <= IN_MEMORY:
            return memoryview(self._objects.read(oid).data)
        if stored.kind == "theta-0.2":
            at = legacy.earlier(self._objects, stored.path)
            tmp = self._workspace.repository.store.tmp
            return legacy.restore(self._objects.read(oid).data, stored.path, at, self._lfs, stored.lfs, tmp)
        handle = self._workspace.repository.store.temporary_file()
        try:
            if stored.kind == "theta":
                manifest = stored.manifest or parse(self._objects.read(oid).data)
                smudge(self._workspace.repository, self._workspace.known_files, manifest, handle)
            else:
                self._objects.copy(oid, handle)
            return map_handle(handle)
        finally:
            os.close(handle)

    def known_manifest(self, oid: str) -> Manifest | None:
        """The manifest that a blob is, whether it's new or in the repository."""
        text = self._pack.get(oid)
        if text is None:
            head = self._objects.head(oid, IN_MEMORY)
            wanted = is_manifest(head.data) and head.size <= MAX_TEXT_BYTES
            text = self._objects.read(oid).data if wanted and head.size > IN_MEMORY else head.data
        return valid_manifest(text)

    def _cleaner(self, path: str, advance: Callable[[int], object]) -> Cleaner:
        """As for `git add`, and it knows what was stored a moment ago."""
        usual = self._workspace.cleaners.cleaner(path, advance)
        return replace(
            usual, known=self._known, candidates=lambda: [*reversed(self._recent), *usual.candidates()]
        )

    def _known(self, digest: str) -> Source | None:
        with self._cache_turn:
            return self._cache.source(digest)


def _hash(git: Git, data: memoryview) -> str:
    """Store a blob in the repository, a few bytes at a time, and return its id."""
    command = ["git", "hash-object", "-w", "--stdin", "--no-filters"]
    with subprocess.Popen(command, cwd=git.cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
        try:
            for piece in pieces(data):
                process.stdin.write(piece)
            process.stdin.close()
        except BrokenPipeError as error:
            raise GitError("git hash-object failed") from error
        oid = process.stdout.read().decode().strip()
    if process.returncode:
        raise GitError("git hash-object failed")
    return oid
