"""Stage manifests and write their files, so that work tree, index and cache agree."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

from git_theta.git.plumbing.file_times import set_mtime
from git_theta.git.plumbing.index_stat import refresh_stats
from git_theta.git.remote.fetch import ensure_values
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
    _update_index(repository, [index_line(path, mode, oid)])
    _note_file(repository, known_files, path, oid, manifest, status)


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version that replaces a file.

    Attributes:
        path: The file, from the top of the work tree.
        mode: As in the index.
        manifest: The version.
        before: The index's entries of the file, as `git update-index -z --index-info` reads them.
        check_unchanged: Called last; raises if the file may not be replaced any more.
        progress: Called with the number of bytes of each finished parameter.
    """

    path: str
    mode: str
    manifest: Manifest
    before: bytes
    check_unchanged: Callable[[], object]
    progress: Callable[[int], object] = lambda _count: None


def write_and_stage(repository: Repository, known_files: KnownFiles, versions: Sequence[NewVersion]) -> None:
    """Write new versions over their files, and put their manifests into the index.

    Either all is done or nothing: whatever can fail comes before a file is replaced. Should the system refuse
    to rename a file after that, it and those after it stay as they were, in the index, too.

    Args:
        repository: The repository, with Git at the top of its work tree.
        known_files: Remembers the files.
        versions: The versions. Objects that aren't here are fetched.

    Raises:
        ThetaError: A file can't be made, or the index is locked.
    """
    began = time.time_ns()
    ensure_values(repository, chain.from_iterable(each.manifest.all_entries() for each in versions))
    with ExitStack() as stack:
        files = [stack.enter_context(Replacement(repository.git.path(each.path))) for each in versions]
        for version, new in zip(versions, files, strict=True):
            smudge(repository, known_files, version.manifest, new.handle, version.progress)
            set_mtime(new.handle, began)
            os.fsync(new.handle)
        oids = [_write_blob(repository, each.manifest) for each in versions]
        for version in versions:
            version.check_unchanged()
        _update_index(
            repository,
            (index_line(each.path, each.mode, oid) for each, oid in zip(versions, oids, strict=True)),
        )
        replaced: list[os.stat_result] = []
        try:
            replaced.extend(new.commit() for new in files)
        except BaseException:
            _update_index(repository, (each.before for each in versions[len(replaced) :]))
            raise
        finally:
            for version, oid, status in zip(versions, oids, replaced, strict=False):
                _note_file(repository, known_files, version.path, oid, version.manifest, status)


def _write_blob(repository: Repository, manifest: Manifest) -> str:
    oid = repository.git.run("hash-object", "-w", "--stdin", stdin=manifest.to_bytes())
    return oid.decode().strip()


def _update_index(repository: Repository, lines: Iterable[bytes]) -> None:
    repository.git.run("update-index", "-z", "--index-info", stdin=b"".join(lines))


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
