"""Converting one blob: from however its file is stored, through the file, to how it should be stored."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from git_theta.errors import GitError, ManifestError
from git_theta.git.migrate.attributes import Target
from git_theta.git.migrate.file_blob import IN_MEMORY, FileBlob
from git_theta.git.migrate.git_objects import GitObjects
from git_theta.git.migrate.legacy_files import metadata_reader, restore_file
from git_theta.git.migrate.lfs_objects import chunks, verified_object
from git_theta.git.migrate.pack_writer import PackWriter
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.environment import internal_environment
from git_theta.git.remote.lfs_ref import pointer
from git_theta.git.worktree.smudge_filter import smudge
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, is_manifest, parse_manifest, valid_manifest
from git_theta.runtime.mapped import map_handle
from git_theta.store.lfs.pointer import Pointer
from git_theta.store.local import LocalStore


class Converter:
    """Converts blobs of one repository.

    Args:
        workspace: The repository's parts, by which files are cleaned and smudged.
        objects: The repository's objects.
        lfs: The objects of git-lfs.
        pack: Takes new blobs, except for plain files, which go to the repository at once.
    """

    def __init__(self, workspace: Workspace, objects: GitObjects, lfs: LocalStore, pack: PackWriter) -> None:
        self._repository = workspace.repository
        self._known_files = workspace.known_files
        self._cleaners = workspace.cleaners
        self._objects = objects
        self._lfs = lfs
        self._pack = pack

    def convert(
        self,
        oid: str,
        blob: FileBlob,
        target: Target,
        path: str,
        previous: list[Manifest],
        advance: Callable[[int], object],
    ) -> tuple[str, FileBlob]:
        """Store a blob's file in another way.

        Args:
            oid: The blob.
            blob: How its file is stored.
            target: How its file is to be stored.
            path: The file, from the top of the work tree.
            previous: Manifests of earlier versions.
            advance: Called with the number of bytes that are done.

        Returns:
            Id of the new blob, and how the file is stored now.

        Raises:
            ThetaError: The file can't be had, or can't be stored.
        """
        data = self.content(oid, blob)
        if not data:
            return self._pack.add("blob", b""), FileBlob("empty", 0, 0)
        if target == "plain":
            advance(len(data))
            return _write_blob(self._repository.git, data), FileBlob("plain", len(data), len(data))
        if target == "lfs":
            found = Pointer(self._lfs.put(chunks(data)), len(data))
            text = pointer(found.oid, found.size)
            advance(len(data))
            lfs = {found.oid: found.size}
            return self._pack.add("blob", text), FileBlob("lfs", len(text), len(data), pointer=found, lfs=lfs)
        if is_manifest(data):
            raise ManifestError(f"{path}: the file is a manifest itself")
        manifest = self._cleaners.cleaner(path, advance).clean(data, previous).manifest
        self._known_files.remember(manifest)
        text = manifest.to_bytes()
        return self._pack.add("blob", text), FileBlob("theta", len(text), len(data), manifest=manifest)

    def content(self, oid: str, blob: FileBlob) -> memoryview:
        """The content of a blob's file, in memory or mapped.

        Raises:
            MissingObjectError: An object isn't there.
            CorruptError: One is damaged.
        """
        if blob.kind == "empty" or blob.size == 0:
            return memoryview(b"")
        if blob.pointer:
            return verified_object(self._lfs, blob.pointer.oid, blob.pointer.size)
        if blob.kind == "plain" and blob.blob_size <= IN_MEMORY:
            return memoryview(self._objects.read(oid).data)
        if blob.kind == "theta-0.2":
            metadata_at = metadata_reader(self._objects, blob.path)
            tmp = self._repository.store.tmp
            return restore_file(
                self._objects.read(oid).data, blob.path, metadata_at, self._lfs, blob.lfs, tmp
            )
        handle = self._repository.store.temporary_file()
        try:
            if blob.kind == "theta":
                manifest = blob.manifest or parse_manifest(self._objects.read(oid).data)
                smudge(self._repository, self._known_files, manifest, handle)
            else:
                self._objects.copy(oid, handle)
            return map_handle(handle)
        finally:
            os.close(handle)

    def known_manifest(self, oid: str) -> Manifest | None:
        """The manifest that a blob is, new or in the repository; `None` if it isn't one."""
        text = self._pack.get(oid)
        if text is None:
            head = self._objects.head(oid, IN_MEMORY)
            wanted = is_manifest(head.data) and head.size <= MAX_TEXT_BYTES
            text = self._objects.read(oid).data if wanted and head.size > IN_MEMORY else head.data
        return valid_manifest(text)


def _write_blob(git: Git, data: memoryview) -> str:
    """Store a blob in the repository, chunk by chunk, and return its id."""
    command = ["git", "hash-object", "-w", "--stdin", "--no-filters"]
    env = internal_environment(git.env)
    with subprocess.Popen(
        command, cwd=git.cwd, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018
        try:
            for chunk in chunks(data):
                process.stdin.write(chunk)
            process.stdin.close()
        except BrokenPipeError as error:
            raise GitError("git hash-object failed") from error
        oid = process.stdout.read().decode().strip()
    if process.returncode:
        raise GitError("git hash-object failed")
    return oid
