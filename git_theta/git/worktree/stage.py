"""Stage a manifest and write its file, so that work tree, index and cache agree."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from git_theta.git.plumbing.file_times import set_mtime
from git_theta.git.plumbing.index_stat import refresh_stats
from git_theta.git.remote.fetch import ensure_objects
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.smudge_filter import smudge
from git_theta.model.manifest import Manifest
from git_theta.runtime.atomic_write import Replacement


def stage(
    repository: Repository,
    known_files: KnownFiles,
    path: str,
    mode: str,
    manifest: Manifest,
    status: os.stat_result,
) -> None:
    """Put a manifest into the index for a file whose content is that already.

    Args:
        repository: The repository, with Git at the top of its work tree.
        known_files: Remembers the file.
        path: The file, from there.
        mode: As in the index, for example `100644`.
        manifest: The manifest of the file's content.
        status: The file's stat, taken before it was read, and equal after.

    Raises:
        GitError: The index is locked, for example.
    """
    oid = _write_blob(repository, manifest)
    _set_entry(repository, path, mode, oid)
    _note_file(repository, known_files, path, oid, manifest, status)


def write_and_stage(
    repository: Repository,
    known_files: KnownFiles,
    path: str,
    mode: str,
    manifest: Manifest,
    before: bytes,
    check_unchanged: Callable[[], object],
    progress: Callable[[int], object] = lambda _count: None,
) -> None:
    """Write a manifest's file over a file, and put the manifest into the index.

    Either both are done or neither: whatever can fail comes before the file is replaced.

    Args:
        repository: The repository, with Git at the top of its work tree.
        known_files: Remembers the file.
        path: The file, from there.
        mode: As in the index.
        manifest: The new version. Objects that aren't here are fetched.
        before: The index's entries of the file, as `git update-index -z --index-info` reads them.
        check_unchanged: Called last; raises if the file may not be replaced any more.
        progress: Called with the number of bytes of each finished parameter.

    Raises:
        ThetaError: The file can't be made, or the index is locked.
    """
    began = time.time_ns()
    ensure_objects(repository, manifest.objects())
    with Replacement(repository.git.path(path)) as new:
        smudge(repository, known_files, manifest, new.handle, progress)
        set_mtime(new.handle, began)
        os.fsync(new.handle)
        oid = _write_blob(repository, manifest)
        check_unchanged()
        _set_entry(repository, path, mode, oid)
        try:
            status = new.commit()
        except BaseException:
            repository.git.run("update-index", "-z", "--index-info", stdin=before)
            raise
    _note_file(repository, known_files, path, oid, manifest, status)


def _write_blob(repository: Repository, manifest: Manifest) -> str:
    oid = repository.git.run("hash-object", "-w", "--stdin", stdin=manifest.to_bytes())
    return oid.decode().strip()


def _set_entry(repository: Repository, path: str, mode: str, oid: str) -> None:
    line = index_line(path, mode, oid)
    repository.git.run("update-index", "-z", "--index-info", stdin=line)


def index_line(path: str, mode: str, oid: str, stage: int = 0) -> bytes:
    """An entry of the index as `git update-index -z --index-info` reads it."""
    return f"{mode} {oid} {stage}\t".encode() + os.fsencode(path) + b"\0"


def _note_file(
    repository: Repository,
    known_files: KnownFiles,
    path: str,
    oid: str,
    manifest: Manifest,
    status: os.stat_result,
) -> None:
    """Note in cache and index what the file is, so that neither reads it again."""
    name = os.fsencode(path)
    refresh_stats(repository.git, repository.index, repository.git.folder, {name: oid}, stats={name: status})
    known_files.remember_written([(manifest, status)])
