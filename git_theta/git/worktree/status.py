"""The state of each tracked file: HEAD, index and work tree compared."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from git_theta.checkpoint_file import fingerprint
from git_theta.diff import Diff, diff
from git_theta.encoding.readable import lacking_objects, missing_values
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.raw_diff import parse_raw_diff
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository import conflict_records
from git_theta.git.repository.foreign_pointers import foreign_pointer_kind
from git_theta.git.repository.plain_files import is_plain_file
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.merging.outcome import Conflict
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import is_manifest, valid_manifest, with_plain_line_ends


class WorkState(Enum):
    """The file in the work tree, compared with the index."""

    SAME = "unmodified"
    MODIFIED = "modified"
    DELETED = "deleted"
    PENDING = "still a manifest"
    PLAIN = "in Git as a whole file"
    STAND_IN = "in Git as another program's text"
    CONFLICT = "not merged yet"
    SPARSE = "outside the sparse checkout"
    REMOVED = "removed from the index"


@dataclass(frozen=True, slots=True)
class FileState:
    """The state of a tracked file.

    Attributes:
        path: The file, from the top of the work tree.
        staged: The index's changes since HEAD; `None` if there are none.
        work: The file in the work tree.
        changes: The work tree's changes since the index; `None` if there are none, or they're unknown.
        missing: How many objects of the index's version aren't in the store.
        borrowed: How many of its objects only another repository on this machine has.
        conflicts: The open conflicts of a file that isn't merged; empty if they aren't known.
        head: The version of HEAD; `None` if there's none.
        indexed: The version of the index; `None` if there's none.
        worked: The version of the work tree; `None` if there's none, or if it's unknown.
    """

    path: str
    staged: Diff | None
    work: WorkState
    changes: Diff | None = None
    missing: int = 0
    borrowed: int = 0
    conflicts: tuple[Conflict, ...] = ()
    head: Manifest | None = None
    indexed: Manifest | None = None
    worked: Manifest | None = None


@dataclass(frozen=True, slots=True)
class _Indexed:
    """An entry of the index."""

    path: str
    oid: str
    merged: bool
    sparse: bool


def file_states(repository: Repository, known_files: KnownFiles) -> Iterator[FileState]:
    """The state of every tracked file, in the order of their paths.

    Args:
        repository: The repository, with Git at the top of its work tree.
        known_files: Files that needn't be read again.
    """
    git = repository.git
    indexed = {entry.path: entry for entry in _indexed(git)}
    before = _changed_since_head(git)
    with Blobs(git.cwd) as blobs:
        for path in sorted({*indexed, *before}):
            old = valid_manifest(blobs.read(before[path])) if before.get(path) else None
            entry = indexed.get(path)
            if entry and is_plain_file(path) and not is_manifest(blobs.read(entry.oid) or b""):
                continue
            if entry:
                yield _state(
                    repository, known_files, entry, blobs.read(entry.oid), old, staged=path in before
                )
            elif old and before[path]:
                yield FileState(path, diff(old, None), WorkState.REMOVED, head=old)


def _state(
    repository: Repository,
    known_files: KnownFiles,
    entry: _Indexed,
    blob: bytes | None,
    old: Manifest | None,
    staged: bool,
) -> FileState:
    if not entry.merged:
        record = conflict_records.current_record(repository, entry.path)
        return FileState(entry.path, None, WorkState.CONFLICT, conflicts=record.conflicts if record else ())
    if blob == b"":
        # An empty file is an empty blob everywhere.
        return FileState(entry.path, None, *_compare_empty(repository, entry))
    manifest = valid_manifest(blob)
    if blob is None or manifest is None:
        is_pointer = blob is not None and foreign_pointer_kind(blob)
        return FileState(entry.path, None, WorkState.STAND_IN if is_pointer else WorkState.PLAIN)
    worked: Manifest | None = None
    if entry.sparse:
        found, changes = WorkState.SPARSE, None
    else:
        path = repository.git.path(entry.path)
        found, changes, worked = _compare(repository, known_files, path, manifest, blob)
    change = diff(old, manifest) if staged else None
    store = repository.store
    lacking = missing_values(manifest, store, store.keeps)
    elsewhere = lacking_objects(lacking, store, store.keeps)
    borrowed = sum(store.has(oid) for oid in elsewhere)
    return FileState(
        entry.path,
        change or None,
        found,
        changes,
        len(elsewhere) - borrowed,
        borrowed,
        head=old if staged else manifest,
        indexed=manifest,
        worked=worked,
    )


def _compare_empty(repository: Repository, entry: _Indexed) -> tuple[WorkState, Diff | None]:
    if entry.sparse:
        return WorkState.SPARSE, None
    path = repository.git.path(entry.path)
    if not os.path.lexists(path):
        return WorkState.DELETED, None
    with work_file(path) as file:
        if file is None:
            return (WorkState.SAME if os.path.isfile(path) else WorkState.MODIFIED), None
        threads = repository.settings.thread_count
        now = fingerprint(file.data, threads, repository.store.temporary_file, neighbours=file.neighbours)
        return WorkState.MODIFIED, diff(None, now)


def _compare(
    repository: Repository, known_files: KnownFiles, path: str, manifest: Manifest, blob: bytes
) -> tuple[WorkState, Diff | None, Manifest | None]:
    """The state of a file of the work tree, its changes, and its version."""
    with work_file(path) as file:
        if file is None:
            return (WorkState.MODIFIED if os.path.lexists(path) else WorkState.DELETED), None, None
        if is_manifest(file.data):
            text = bytes(file.data)
            if with_plain_line_ends(text) == blob:
                return WorkState.PENDING, None, manifest
            other = valid_manifest(text)
            return WorkState.MODIFIED, diff(manifest, other) if other else None, other
        now = known_files.manifest(file)
        if now is None:
            threads = repository.settings.thread_count
            store = repository.store
            now = fingerprint(file.data, threads, store.temporary_file, (manifest,), store, file.neighbours)
            if not diff(manifest, now) and file.unchanged():
                known_files.remember(manifest, file.status)
    changes = diff(manifest, now)
    return (WorkState.MODIFIED, changes, now) if changes else (WorkState.SAME, None, manifest)


def _indexed(git: Git) -> Iterator[_Indexed]:
    """Tracked regular files of the index; of a file with conflicts, its last stage."""
    listing = git.run("ls-files", "-s", "-t", "-z", "--", ":(attr:filter=theta,top)")
    for record in filter(None, listing.split(b"\0")):
        fields, _, name = record.partition(b"\t")
        tag, mode, oid, stage = fields.decode().split(" ")
        if mode.startswith("100"):
            yield _Indexed(os.fsdecode(name), oid, stage == "0", tag == "S")


def _changed_since_head(git: Git) -> dict[str, str]:
    """Paths that differ between HEAD and index → HEAD's blob; empty for a file that isn't in HEAD."""
    head = "HEAD"
    if not git.ok("rev-parse", "-q", "--verify", "HEAD"):
        head = git.line("hash-object", "-t", "tree", os.devnull)
    raw = git.run("diff-index", "--cached", "--raw", "-z", "--no-renames", "--no-abbrev", head)
    return {change.new_path: change.old_oid for change in parse_raw_diff(raw)}
