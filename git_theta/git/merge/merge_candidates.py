"""Merge checkpoints that several sides changed, each from all sides at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from git_theta.errors import GitError
from git_theta.git.merge.candidates import MergeCandidate
from git_theta.git.merge.merger import merger_of
from git_theta.git.merge.settings_beside import SettingsBeside
from git_theta.git.merge.versions import manifest_of
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.repository.given_rules import given_rules
from git_theta.git.repository.merge_rules import merge_rules
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.rule_variables import RULES_VARIABLE
from git_theta.git.worktree.cleaners import Cleaners
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.outcome import Merged
from git_theta.merging.purpose import Operation
from git_theta.merging.rules import MergeRules
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES
from git_theta.report.merge_summary import conflict_name
from git_theta.report.text import plural, printable
from git_theta.runtime.progress import progress

#: Conflicts of a checkpoint that an error lists.
_SHOWN = 5


def merge_candidates(
    repository: Repository,
    candidates: Sequence[MergeCandidate],
    rules: str,
    revisions: Sequence[str] = (),
) -> dict[str, Merged]:
    """Path → the merged checkpoint.

    Args:
        repository: The repository, with Git at the top of its work tree.
        candidates: The checkpoints.
        rules: Rules as in the variable `GIT_THETA_MERGE`, in addition to those of the repository.
        revisions: The commits of the sides and of the base.

    Raises:
        GitError: A checkpoint is in conflict; the message names the parameters.
        ThetaError: A checkpoint can't be merged.
    """
    given = given_rules(repository, Operation(), {**os.environ, RULES_VARIABLE: rules})
    with Workspace(repository) as workspace:
        merged = {
            each.path: _merge(workspace, each, merge_rules(repository, each.path, given=given), revisions)
            for each in candidates
        }
    failed = {path: each for path, each in merged.items() if each.manifest is None}
    if failed:
        raise _conflicts(failed)
    return merged


def _merge(
    workspace: Workspace, candidate: MergeCandidate, rules: MergeRules, revisions: Sequence[str]
) -> Merged:
    path, oids = candidate.path, candidate.sides
    existing = [index for index, oid in enumerate(oids) if oid]
    with Blobs(workspace.repository.git.cwd) as blobs:
        base = _read(workspace.cleaners, blobs, path, candidate.base) if candidate.base else None
        sides = [_read(workspace.cleaners, blobs, path, oids[index]) for index in existing]
    with progress(f"merging {path}", max(side.size for side in sides)) as advance:
        there = [candidate.base, *(oids[index] for index in existing)]
        settings = SettingsBeside(workspace.repository, path, lambda: there, tuple(revisions))
        merger = merger_of(workspace, path, advance, settings)
        return merger.merge(base, sides, rules.of_sides(existing, len(oids)))


def versions(workspace: Workspace, candidate: MergeCandidate) -> list[Manifest]:
    """All versions of a checkpoint: that of the base, if there's one, and those of the sides.

    Raises:
        ThetaError: A version can't be read.
    """
    oids = dict.fromkeys(oid for oid in (candidate.base, *candidate.sides) if oid)
    with Blobs(workspace.repository.git.cwd) as blobs:
        return [_read(workspace.cleaners, blobs, candidate.path, oid) for oid in oids]


def _read(cleaners: Cleaners, blobs: Blobs, path: str, oid: str) -> Manifest:
    text = blobs.read(oid, MAX_TEXT_BYTES)
    found = None if text is None else manifest_of(cleaners, path, text)
    if found is None:
        raise GitError(f"a version of {path} can't be read, or is empty")
    return found


def _conflicts(failed: Mapping[str, Merged]) -> GitError:
    lines = []
    for path, merged in failed.items():
        name = printable(path)
        lines += [f"  {name}: {conflict_name(each)}: {each.reason}" for each in merged.conflicts[:_SHOWN]]
        more = len(merged.conflicts) - _SHOWN
        lines += [f"  {name}: and {more:,} more"] if more > 0 else []
    hint = "choose a strategy that can decide, or merge one branch after the other"
    return GitError(f"{plural(len(failed), 'checkpoint')} in conflict; nothing has changed", hint, lines)
