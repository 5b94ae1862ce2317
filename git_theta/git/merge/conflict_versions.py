"""The versions of a checkpoint in conflict, as the index has them."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from itertools import chain

from git_theta.errors import GitError
from git_theta.git.merge.versions import manifest_of
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.conflict_records import (
    ConflictRecord,
    ConflictStages,
    current_record,
    read_stages,
)
from git_theta.git.repository.operation import interrupted_operation
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.cleaners import Cleaners
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.smudge_filter import smudge
from git_theta.merging.purpose import Operation
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES
from git_theta.runtime.atomic_write import Replacement


@dataclass(frozen=True, slots=True)
class ConflictVersions:
    """A file in conflict.

    Attributes:
        path: Path from the top of the work tree.
        stages: The entries of the index.
        base: The merge base; `None` if both sides added the file.
        ours: Our version.
        theirs: Their version.
        record: The decisions so far.
        operation: The operation that the conflict stopped.
    """

    path: str
    stages: ConflictStages
    base: Manifest | None
    ours: Manifest
    theirs: Manifest
    record: ConflictRecord
    operation: Operation

    @property
    def by_name(self) -> dict[str, Manifest]:
        """The versions that there are: `base`, `ours` and `theirs`."""
        base = {"base": self.base} if self.base else {}
        return {**base, "ours": self.ours, "theirs": self.theirs}


def conflict_versions(repository: Repository, cleaners: Cleaners, path: str) -> ConflictVersions:
    """The versions of a file in conflict.

    Raises:
        GitError: The file isn't in conflict, or a side has no such file.
    """
    stages = read_stages(repository.git, path)
    if stages is None:
        raise GitError(f"{path} isn't in conflict", "see which are: git status")
    quoted = shlex.quote(path)
    if not stages.ours or not stages.theirs:
        raise GitError(
            f"{path} isn't in both sides",
            f"keep or remove it: git theta resolve {quoted} -s ours (or theirs)",
        )
    record = current_record(repository, path) or ConflictRecord(path, stages.ids, ())
    ids = (record.base or stages.base, stages.ours, stages.theirs)
    with Blobs(repository.git.cwd) as blobs:
        base, ours, theirs = (_version(blobs, cleaners, path, oid) for oid in ids)
    if ours is None or theirs is None:
        other = "theirs" if ours is None else "ours"
        raise GitError(f"{path} is empty on one side", f"take the other: git checkout --{other} -- {quoted}")
    operation = record.operation or interrupted_operation(repository)
    return ConflictVersions(path, stages, base, ours, theirs, record, operation)


def write_versions(repository: Repository, known_files: KnownFiles, versions: ConflictVersions) -> list[str]:
    """Write each version beside the file, for a merge by hand.

    Returns:
        Paths of the new files.

    Raises:
        GitError: One of these files exists already.
        ThetaError: A version can't be written.
    """
    stem, suffix = os.path.splitext(versions.path)
    paths = {f"{stem}.{name}{suffix}": manifest for name, manifest in versions.by_name.items()}
    existing = [path for path in paths if os.path.lexists(repository.git.path(path))]
    if existing:
        raise GitError(f"{existing[0]} exists already", "move it away first")
    ensure_values(repository, chain.from_iterable(manifest.all_entries() for manifest in paths.values()))
    for path, manifest in paths.items():
        with Replacement(repository.git.path(path)) as new:
            smudge(repository, known_files, manifest, new.handle)
            new.commit()
    return list(paths)


def _version(blobs: Blobs, cleaners: Cleaners, path: str, oid: str) -> Manifest | None:
    text = blobs.read(oid, MAX_TEXT_BYTES) if oid else b""
    if text is None:
        raise GitError(f"the versions of {path} can't be read")
    return manifest_of(cleaners, path, text)
