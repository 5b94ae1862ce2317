"""The merge driver: Git runs it for a checkpoint that both sides changed, as `merge.theta.driver`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from git_theta.errors import GitError, UsageError
from git_theta.git.merge.merger import merger_of
from git_theta.git.merge.settings_beside import SettingsBeside, blobs_of
from git_theta.git.merge.shard_index_file import merge_index_file, parsed_indexes
from git_theta.git.merge.versions import manifest_of
from git_theta.git.merge.worktree_values import worktree_values
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import explain, note
from git_theta.git.plumbing.parent_command import favoured_side, git_process
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository.conflict_records import (
    ConflictRecord,
    current_record,
    file_stamp,
    index_is_locked,
    read_stages,
    write_record,
)
from git_theta.git.repository.given_base import given_base
from git_theta.git.repository.given_rules import given_rules, keep_rules, parse_given
from git_theta.git.repository.merge_rules import asks_user, merge_rules
from git_theta.git.repository.operation import current_operation, interrupted_operation, restores_conflict
from git_theta.git.repository.plain_files import is_plain_file
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.outcome import Conflict, ParameterPlan
from git_theta.merging.purpose import Operation
from git_theta.merging.rules import MergeRule, MergeRules
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import is_manifest
from git_theta.report.merge_summary import conflict_lines, merge_lines, unused_rules
from git_theta.report.text import printable
from git_theta.runtime.progress import progress
from git_theta.sharding.index_file import ShardIndex, is_index_name

_CONFLICT = 1

#: Conflicts of an index of shards that are listed.
_SHOWN = 5


def run_merge_driver(args: Sequence[str]) -> int:
    """Merge one file.

    Args:
        args: The arguments of `merge.theta.driver`: files with the versions of the base, of ours and of
            theirs, and the path. The file of ours gets the result.

    Returns:
        0 if the file was merged, else 1; the file of ours is as it was then. Another code could end the
        command.
    """
    path = args[3] if len(args) == 4 else None
    try:
        if path is None:
            raise GitError("git passes unusual arguments to merge.theta.driver", "run `git theta install`")
        return _merge(path, *args[:3])
    except KeyboardInterrupt:
        note("interrupted")
    except Exception as error:
        # Any other exit than 0 or 1 could abort a rebase in the middle.
        explain(path, error)
    return _CONFLICT


def _merge(path: str, base_file: str, ours_file: str, theirs_file: str) -> int:
    texts = [Path(name).read_bytes() for name in (base_file, ours_file, theirs_file)]
    repository = Repository(Git())
    if is_index_name(path) and (indexes := parsed_indexes(path, texts)):
        return _merge_index(repository, path, texts, indexes, ours_file)
    if (is_plain_file(path) or is_index_name(path)) and not any(map(is_manifest, texts)):
        # As Git merges texts: with markers in the file where both sides changed.
        names = ("-L", "ours", "-L", "base", "-L", "theirs", "--", ours_file, base_file, theirs_file)
        return 0 if repository.git.ok("merge-file", *names) else _CONFLICT
    with Workspace(repository) as workspace:
        operation, given = _operation(repository, path)
        rules = merge_rules(repository, path, operation.purpose, given)
        base_id = _given_base(repository, path)
        record = partial(_record_conflicts, repository, path, texts, operation, given, base_id)
        before = texts[0]
        if base_id:
            before = repository.git.run("cat-file", "blob", base_id)
        base, ours, theirs = (manifest_of(workspace.cleaners, path, text) for text in (before, *texts[1:]))
        if ours is None or theirs is None:
            raise UsageError(
                "empty on one side; the work tree keeps ours", "take a side: git checkout --theirs, git add"
            )
        _check_patterns(repository, path, given, [each for each in (base, ours, theirs) if each])
        if not favoured_side() and asks_user(repository) and index_is_locked(repository):
            chosen = _ask(workspace, path, base, ours, theirs, rules)
            if chosen is None:
                record([Conflict("", "nothing was decided")])
                return _CONFLICT
            rules = chosen
        settings = SettingsBeside(repository, path, partial(blobs_of, repository, texts))
        with work_file(path) as file, progress(f"merging {path}", max(ours.size, theirs.size)) as advance:
            merger = replace(
                merger_of(workspace, path, advance, settings),
                mapped=worktree_values(repository.store, workspace.known_files, file, ours),
            )
            merged = merger.merge(base, [ours, theirs], rules)
        if merged.manifest is None:
            record(merged.conflicts, merged.parameters)
            return _CONFLICT
        Path(ours_file).write_bytes(merged.manifest.to_bytes())
    for line in merge_lines(merged, operation, path):
        note(f"{printable(path)}: {line}")
    for rule in unused_rules(merged, given):
        note(f"{printable(path)}: {rule.strategy} was used for no parameter, as both sides changed none")
    return 0


def _merge_index(
    repository: Repository,
    path: str,
    texts: Sequence[bytes],
    indexes: Sequence[ShardIndex | None],
    ours_file: str,
) -> int:
    """Merge the file that lists the shards of a model."""
    text, merged = merge_index_file(repository, path, texts, indexes)
    if not merged.conflicts:
        Path(ours_file).write_bytes(text)
        return 0
    name = printable(path)
    note(f"{name}: both sides sharded the model in their own way; the work tree keeps ours")
    for reason in merged.conflicts[:_SHOWN]:
        note(f"  {printable(reason)}")
    if len(merged.conflicts) > _SHOWN:
        note(f"  and {len(merged.conflicts) - _SHOWN:,} more")
    note(f"to merge the shards of theirs into ours: git theta resolve {printable(shlex.quote(path))}")
    return _CONFLICT


def _operation(repository: Repository, path: str) -> tuple[Operation, tuple[MergeRule, ...]]:
    """The operation for which Git merges a file, and the rules given for it.

    `git checkout -m -- FILE` makes a conflict anew: it's still that of the operation that it stopped.
    """
    if restores_conflict() and read_stages(repository.git, path):
        record = current_record(repository, path)
        if record and record.operation:
            return record.operation, parse_given(record.given)
        operation = interrupted_operation(repository)
        return operation, given_rules(repository, operation)
    operation = current_operation(repository)
    given = given_rules(repository, operation)
    keep_rules(repository, operation, given)
    return operation, given


def _given_base(repository: Repository, path: str) -> str:
    """The blob of the base that the user gave for this merge; empty for none."""
    if restores_conflict() and read_stages(repository.git, path):
        record = current_record(repository, path)
        return record.base if record else ""
    return given_base(repository.git, path)


def _check_patterns(
    repository: Repository, path: str, given: Sequence[MergeRule], versions: Sequence[Manifest]
) -> None:
    """Check that the patterns of rules for this command match something: here, or in another checkpoint.

    Raises:
        UsageError: A pattern matches nothing.
    """
    rules = [rule for rule in given if rule.is_for_path(path) and (rule.renames or not rule.is_for_all)]
    if rules:
        from git_theta.git.merge.pattern_check import check_matches, tracked_manifests, unmatched, unused

        if unmatched(rules, versions, repository.store) or unused(rules, versions):
            check_matches(rules, [*versions, *tracked_manifests(repository)], repository.store)


def _ask(
    workspace: Workspace,
    path: str,
    base: Manifest | None,
    ours: Manifest,
    theirs: Manifest,
    rules: MergeRules,
) -> MergeRules | None:
    """As `ask_for_rules`, whose modules few merges need."""
    from git_theta.git.merge.interactive import ask_for_rules

    return ask_for_rules(workspace, path, base, ours, theirs, rules)


def _record_conflicts(
    repository: Repository,
    path: str,
    texts: Sequence[bytes],
    operation: Operation,
    given: Sequence[MergeRule],
    chosen_base: str,
    conflicts: Sequence[Conflict],
    parameters: Sequence[ParameterPlan] = (),
) -> None:
    """Keep a record of conflicts, and show them; the file of ours stays as it is.

    There's no record where Git only looks at the result: another merge of the file may be in progress.
    """
    if index_is_locked(repository):
        base, ours, theirs = (
            repository.git.run("hash-object", "--stdin", stdin=text).decode().strip() for text in texts
        )
        ids = (base if texts[0] else "", ours, theirs)
        stages = read_stages(repository.git, path)
        # `git checkout -m -- FILE` makes a conflict anew, and writes the file after this driver ends.
        left = () if stages else _stamp(repository, path)
        if stages is None or stages.ids[1:] == ids[1:]:
            rules = tuple(str(rule) for rule in given if rule.is_for_path(path))
            record = ConflictRecord(
                path,
                ids,
                tuple(conflicts),
                left=left,
                process=git_process(),
                operation=operation,
                given=rules,
                base=chosen_base,
            )
            _write_record(repository, record)
    for line in conflict_lines(path, conflicts, parameters):
        note(line)


def _write_record(repository: Repository, record: ConflictRecord) -> None:
    try:
        write_record(repository, record)
    except OSError as error:
        note(f"the conflicts can't be recorded ({error.strerror}): git add won't remind you")


def _stamp(repository: Repository, path: str) -> tuple[int, ...]:
    """The stamp of the file of ours in the work tree; empty if git-theta has yet to write it."""
    with work_file(repository.git.path(path)) as file:
        return () if file is None or is_manifest(file.data) else file_stamp(file.status)
