"""The log of a model's parameters, over all its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from git_theta.diff import Diff, diff, model_diff
from git_theta.git.history.commit_info import FIELDS, PLAIN_LOG, CommitInfo, parse_commit
from git_theta.git.history.file_log import FileRevision
from git_theta.git.history.model_history import ModelHistory, StoredModel, model_pathspecs
from git_theta.git.history.param_log import ParameterChanges, added_payloads_of, chosen_parameters
from git_theta.git.plumbing.command import Git
from git_theta.model.sizes import SizeOf, payload_bytes
from git_theta.sharding.joined import ModelVersion


@dataclass(frozen=True, slots=True)
class ModelRevision:
    """A commit that touched a model, compared with its first parent.

    Attributes:
        commit: The commit.
        name: The model's name in the commit; if the commit removed it, its last name.
        old_name: The name in the first parent; another one if the commit renamed the model.
        old: The version in the first parent; `None` if the model isn't there.
        new: The version in the commit; `None` if it removed the model.
    """

    commit: CommitInfo
    name: str
    old_name: str
    old: StoredModel | None
    new: StoredModel | None


def model_revisions(history: ModelHistory, tip: str, name: str) -> Iterator[ModelRevision]:
    """Commits that touched a model, the newest first, along first parents and back through renames.

    Args:
        history: Finds the versions.
        tip: The id of the commit to begin at.
        name: The model's name.
    """
    start: str | None = tip
    while start:
        commits = list(_commits(history.git, start, model_pathspecs(history.git, start, name)))
        history.look_up((oid for commit in commits for oid in (commit.oid, *commit.parents[:1])), name)
        start = None
        for commit in commits:
            parent = commit.parents[0] if commit.parents else None
            new = history.at(commit.oid, name)
            old = history.at(parent, name) if parent else None
            if new == old:
                continue
            source = history.source(parent, commit.oid, new) if new and parent and old is None else None
            if source and parent:
                yield ModelRevision(commit, name, source, history.at(parent, source), new)
                start, name = parent, source
                break
            yield ModelRevision(commit, name, name, old, new)


def model_changes(
    revisions: Sequence[ModelRevision],
    history: ModelHistory,
    size_of: SizeOf,
    is_chosen: Callable[[str], bool] | None = None,
) -> Iterator[ParameterChanges]:
    """The changes of each commit; see `git_theta.git.history.param_log.parameter_changes`."""
    for index, revision in enumerate(revisions):
        shown = _as_file(revision)
        new = history.version(revision.new) if revision.new else None
        if revision.new and not new:
            yield ParameterChanges(shown, None, 0, 0, 0, history.problem(revision.new))
            continue
        old = _last_whole(revisions[index:], history)
        found = _difference(old, new, is_chosen)
        if is_chosen and found.same_parameters and not found.moved:
            continue
        manifests = [each.manifest if each else None for each in (old, new)]
        counted = chosen_parameters(manifests[1] or manifests[0], is_chosen)
        added = added_payloads_of(manifests[0], manifests[1], is_chosen) if manifests[1] else ()
        broken = revision.old and not history.version(revision.old)
        yield ParameterChanges(
            shown,
            found,
            total=len(counted.entries) if counted else 0,
            nbytes=sum(entry.spec.nbytes for entry in (*found.appeared, *(now for _, now in found.changed))),
            stored=payload_bytes(added, size_of),
            note=history.problem(revision.old) if revision.old and broken else "",
        )


def _difference(
    old: ModelVersion | None, new: ModelVersion | None, is_chosen: Callable[[str], bool] | None
) -> Diff:
    found = model_diff(old, new)
    if not is_chosen:
        return found
    sides = (chosen_parameters(each.manifest if each else None, is_chosen) for each in (old, new))
    return replace(
        diff(*sides), moved={name: files for name, files in found.moved.items() if is_chosen(name)}
    )


def _last_whole(revisions: Sequence[ModelRevision], history: ModelHistory) -> ModelVersion | None:
    """The last whole version before the first of some revisions."""
    for revision in revisions:
        if revision.old is None:
            return None
        found = history.version(revision.old)
        if found:
            return found
    return None


def _as_file(revision: ModelRevision) -> FileRevision:
    old, new = revision.old, revision.new
    return FileRevision(
        revision.commit,
        revision.name,
        revision.old_name,
        old.oids[0] if old else None,
        new.oids[0] if new else None,
    )


def _commits(git: Git, tip: str, specs: Sequence[str]) -> Iterator[CommitInfo]:
    text = git.listing(
        *("log", "--first-parent", "--diff-merges=first-parent", "--root", "-z", *PLAIN_LOG),
        *(f"--format=tformat:{'%x00'.join(FIELDS)}", tip, "--", *specs),
    )
    fields = os.fsdecode(text).split("\0")
    size = len(FIELDS)
    for start in range(0, len(fields) - 1, size):
        yield parse_commit(fields[start : start + size])
