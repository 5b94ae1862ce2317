"""Resolve: settle a checkpoint that is in conflict, from the versions that the index has of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from git_theta.checkpoint_file import fingerprint
from git_theta.clean import same_content
from git_theta.errors import GitError, ThetaError, UsageError
from git_theta.git.merge.merger import merger_of
from git_theta.git.merge.versions import manifest_of
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.work_file import WorkFile, work_file
from git_theta.git.remote.fetch import ensure_objects
from git_theta.git.repository import conflict_records
from git_theta.git.repository.conflict_records import ConflictRecord, ConflictStages
from git_theta.git.repository.merge_rules import merge_rules
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.cleaners import Cleaners
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.smudge_filter import smudge
from git_theta.git.worktree.stage import index_line, write_and_stage
from git_theta.git.worktree.workspace import Workspace
from git_theta.merge.outcome import Merged
from git_theta.merge.rules import MergeRule, MergeRules, parse
from git_theta.model.manifest import MAX_TEXT_BYTES, Manifest, is_manifest
from git_theta.runtime.atomic_write import Replacement
from git_theta.runtime.progress import progress


@dataclass(frozen=True, slots=True)
class ConflictVersions:
    """A file in conflict.

    Attributes:
        path: From the top of the work tree.
        stages: What the index has.
        base: The merge base; `None` if both sides added the file.
        ours: Our version.
        theirs: Their version.
        record: What was decided so far.
    """

    path: str
    stages: ConflictStages
    base: Manifest | None
    ours: Manifest
    theirs: Manifest
    record: ConflictRecord

    @property
    def versions(self) -> dict[str, Manifest]:
        """The versions by the names that people call them."""
        base = {"base": self.base} if self.base else {}
        return {**base, "ours": self.ours, "theirs": self.theirs}


def sides(repository: Repository, cleaners: Cleaners, path: str) -> ConflictVersions:
    """The versions of a file in conflict.

    Raises:
        GitError: It isn't in conflict, or a side has no such file.
    """
    stages = conflict_records.read_stages(repository.git, path)
    if stages is None:
        raise GitError(f"{path} isn't in conflict", "see which are: git status")
    quoted = shlex.quote(path)
    if not stages.ours or not stages.theirs:
        raise GitError(
            f"{path} was removed on one side", f"keep it: git add {quoted}; or remove it: git rm {quoted}"
        )
    found = []
    with Blobs(repository.git.cwd) as blobs:
        for oid in stages.ids:
            text = blobs.read(oid, MAX_TEXT_BYTES) if oid else b""
            if text is None:
                raise GitError(f"the versions of {path} can't be read")
            found.append(manifest_of(cleaners, path, text))
    base, ours, theirs = found
    if ours is None or theirs is None:
        other = "theirs" if ours is None else "ours"
        raise GitError(f"{path} is empty on one side", f"take the other: git checkout --{other} -- {quoted}")
    record = conflict_records.current_record(repository, path) or ConflictRecord(path, stages.ids, ())
    return ConflictVersions(path, stages, base, ours, theirs, record)


def decided(
    repository: Repository,
    versions: ConflictVersions,
    rules: Sequence[MergeRule],
    otherwise: Sequence[MergeRule],
) -> MergeRules:
    """The rules for a file: those of the repository, those decided so far, and new ones."""
    general = merge_rules(repository, versions.path)
    record = versions.record
    return MergeRules(
        (*general.rules, *map(parse, record.rules), *rules), (*map(parse, record.fallback), *otherwise)
    )


def resolve(
    workspace: Workspace,
    versions: ConflictVersions,
    rules: Sequence[MergeRule],
    otherwise: Sequence[MergeRule],
) -> Merged:
    """Merge again with more rules. Without conflicts, the result is written and staged.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        versions: The file.
        rules: For parameters that they name.
        otherwise: For what would be in conflict without them.

    Raises:
        ThetaError: The file can't be merged or written; nothing has changed then.
    """
    path, repository, known_files = versions.path, workspace.repository, workspace.known_files
    with work_file(repository.git.path(path)) as file:
        _check_ours(repository, known_files, versions, file)
        with progress(f"merging {path}", versions.ours.size) as advance:
            merged = merger_of(workspace, path, advance).merge(
                versions.base,
                [versions.ours, versions.theirs],
                decided(repository, versions, rules, otherwise),
            )
        if merged.manifest is None:
            conflict_records.write_record(
                repository,
                ConflictRecord(
                    path,
                    versions.stages.ids,
                    merged.conflicts,
                    (*versions.record.rules, *map(str, rules)),
                    (*versions.record.fallback, *map(str, otherwise)),
                ),
            )
            return merged
        put(repository, known_files, versions, merged.manifest, file)
    return merged


def put(
    repository: Repository,
    known_files: KnownFiles,
    versions: ConflictVersions,
    manifest: Manifest,
    file: WorkFile | None,
) -> None:
    """Write a merged version over ours in the work tree, and stage it.

    Raises:
        ThetaError: The file can't be written, or it was written to meanwhile.
    """
    path, mode = versions.path, versions.stages.mode

    def unchanged() -> None:
        if file is None or not file.unchanged():
            raise ThetaError(f"{path} was written to meanwhile", "try again when it's quiet")

    with progress(f"writing {path}", manifest.size) as advance:
        write_and_stage(repository, known_files, path, mode, manifest, _staged(versions), unchanged, advance)
    conflict_records.remove_record(repository, path)


def write_versions(repository: Repository, known_files: KnownFiles, versions: ConflictVersions) -> list[str]:
    """Write each version beside the file, for a merge by hand; returns the new files.

    Raises:
        GitError: There's a file of that name.
        ThetaError: A version can't be written.
    """
    stem, suffix = os.path.splitext(versions.path)
    names = {f"{stem}.{name}{suffix}": manifest for name, manifest in versions.versions.items()}
    taken = [name for name in names if os.path.lexists(repository.git.path(name))]
    if taken:
        raise GitError(f"{taken[0]} exists already", "move it away first")
    objects = (manifest.objects() for manifest in names.values())
    ensure_objects(repository, {oid: size for sizes in objects for oid, size in sizes.items()})
    for name, manifest in names.items():
        with Replacement(repository.git.path(name)) as new:
            smudge(repository, known_files, manifest, new.handle)
            new.commit()
    return list(names)


def _check_ours(
    repository: Repository, known_files: KnownFiles, versions: ConflictVersions, file: WorkFile | None
) -> None:
    """Only ours may be replaced: anything else in the work tree is somebody's work."""
    path = versions.path
    quoted = shlex.quote(path)
    if file is None:
        raise UsageError(
            f"{path} isn't a file in the work tree", f"get it back: git checkout --ours -- {quoted}"
        )
    if is_manifest(file.data):
        if bytes(file.data) == versions.ours.to_bytes():
            return
    else:
        threads, store = repository.settings.thread_count, repository.store
        now = known_files.manifest(file) or fingerprint(
            file.data, threads, store.temporary_file, (versions.ours,), store
        )
        if same_content(now, versions.ours):
            return
    raise UsageError(
        f"{path} in the work tree isn't ours as the merge left it",
        f"use what is there: git add {quoted}; or get ours back: git checkout --ours -- {quoted}",
    )


def _staged(versions: ConflictVersions) -> bytes:
    """What the index has, to put it back."""
    path, stages = versions.path, versions.stages
    removal = index_line(path, "0", "0" * len(stages.ours))
    return removal + b"".join(
        index_line(path, stages.mode, oid, number) for number, oid in enumerate(stages.ids, 1) if oid
    )
