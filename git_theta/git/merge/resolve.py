"""Resolve a checkpoint in conflict: merge its versions again with more rules, write and stage the result."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace

from git_theta.checkpoint_file import fingerprint
from git_theta.clean import same_content
from git_theta.errors import ThetaError, UsageError
from git_theta.git.merge.conflict_versions import ConflictVersions
from git_theta.git.merge.fitted_settings_file import fitted_settings_of, written_beside
from git_theta.git.merge.merger import merger_of
from git_theta.git.merge.settings_beside import SettingsBeside
from git_theta.git.merge.updated_index import update_index_of
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.work_file import WorkFile, work_file
from git_theta.git.repository.conflict_records import ConflictRecord, remove_record, write_record
from git_theta.git.repository.given_rules import given_rules, parse_given
from git_theta.git.repository.merge_rules import merge_rules
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.git.worktree.stage import NewVersion, index_line, write_and_stage
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.outcome import Merged
from git_theta.merging.rule_text import parse_rule
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import is_manifest
from git_theta.report.text import printable
from git_theta.runtime.progress import progress


def resolve(
    workspace: Workspace,
    versions: ConflictVersions,
    rules: Sequence[MergeRule] = (),
    fallback: Sequence[MergeRule] = (),
) -> Merged:
    """Merge again with more rules. Without conflicts, the result is written and staged.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        versions: The file in conflict.
        rules: New rules for the parameters that they name.
        fallback: New rules for everything that would be in conflict otherwise.

    Raises:
        ThetaError: The file can't be merged or written; nothing has changed then.
    """
    path, repository, known_files = versions.path, workspace.repository, workspace.known_files
    with work_file(repository.git.path(path)) as file:
        _check_ours(repository, known_files, versions, file)
        all_rules = rules_of_conflict(repository, versions, rules, fallback)
        with progress(f"merging {path}", versions.ours.size) as advance:
            settings = SettingsBeside(repository, path, lambda: versions.stages.ids, resolves=True)
            merged = merger_of(workspace, path, advance, settings).merge(
                versions.base, [versions.ours, versions.theirs], all_rules
            )
        if merged.manifest is None:
            record = _with_decisions(versions, merged, rules, fallback)
            write_record(repository, record)
        else:
            with written_beside(repository, path, fitted_settings_of(merged.parameters)) as changed:
                _write_result(repository, known_files, versions, merged.manifest, file)
            update_index_of(
                repository, path, merged.manifest, (versions.base, versions.ours, versions.theirs)
            )
            if changed:
                note(f"{printable(changed)}: ranks and scales are those of the merged adapter now; staged")
    return merged


def rules_of_conflict(
    repository: Repository,
    versions: ConflictVersions,
    rules: Sequence[MergeRule] = (),
    fallback: Sequence[MergeRule] = (),
) -> MergeRules:
    """The rules for a file in conflict: of repository and operation, the decisions so far, and new ones.

    Args:
        repository: The repository, with Git at the top of its work tree.
        versions: The file in conflict.
        rules: New rules for the parameters that they name.
        fallback: New rules for everything that would be in conflict otherwise.

    Raises:
        UsageError: A rule isn't valid.
    """
    record = versions.record
    given = parse_given(record.given)
    now = [rule for rule in given_rules(repository, versions.operation) if rule not in given]
    general = merge_rules(repository, versions.path, versions.operation.purpose, (*given, *now))
    return replace(
        general,
        rules=(*general.rules, *map(parse_rule, record.rules), *rules),
        fallback=(*map(parse_rule, record.fallback), *fallback),
    )


def _with_decisions(
    versions: ConflictVersions, merged: Merged, rules: Sequence[MergeRule], fallback: Sequence[MergeRule]
) -> ConflictRecord:
    """The record of a file with more decisions and the conflicts that are left."""
    old = versions.record
    return replace(
        old,
        ids=versions.stages.ids,
        conflicts=merged.conflicts,
        rules=(*old.rules, *map(str, rules)),
        fallback=(*old.fallback, *map(str, fallback)),
    )


def _write_result(
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
        new = NewVersion(path, mode, manifest, _index_lines(versions), unchanged, advance)
        write_and_stage(repository, known_files, [new])
    remove_record(repository, path)


def _check_ours(
    repository: Repository, known_files: KnownFiles, versions: ConflictVersions, file: WorkFile | None
) -> None:
    """Check that the work tree has ours: a result never replaces anything else, which is somebody's work.

    Raises:
        UsageError: The work tree has something else.
    """
    path, quoted = versions.path, shlex.quote(versions.path)
    if file is None:
        raise UsageError(
            f"{path} isn't a file in the work tree", f"get it back: git checkout --ours -- {quoted}"
        )
    if not has_version(repository, known_files, versions.ours, file):
        raise UsageError(
            f"{path} in the work tree isn't ours as the merge left it",
            f"use what is there: git add {quoted}; or get ours back: git checkout --ours -- {quoted}",
        )


def has_version(repository: Repository, known_files: KnownFiles, version: Manifest, file: WorkFile) -> bool:
    """Whether a file of the work tree is a version, in full or still as its manifest."""
    if is_manifest(file.data):
        return bytes(file.data) == version.to_bytes()
    threads, store = repository.settings.thread_count, repository.store
    found = known_files.manifest(file) or fingerprint(
        file.data, threads, store.temporary_file, (version,), store, file.neighbours
    )
    return same_content(found, version)


def _index_lines(versions: ConflictVersions) -> bytes:
    """The index's entries of a file in conflict, as input of `git update-index` that restores them."""
    path, stages = versions.path, versions.stages
    removal = index_line(path, "0", "0" * len(stages.ours))
    return removal + b"".join(
        index_line(path, stages.mode, oid, number) for number, oid in enumerate(stages.ids, 1) if oid
    )
