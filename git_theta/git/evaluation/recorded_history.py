"""Recorded results in the history of a repository, by the digests of the models that were tested."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from git_theta.errors import GitError, UsageError
from git_theta.evaluation.recorded_results import (
    FOLDER,
    MAX_RESULTS,
    RecordedResult,
    parse_results,
    results_path,
)
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.pathspec import literal
from git_theta.git.plumbing.raw_diff import raw_change
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.tracked_text import tracked_place
from git_theta.lineage.graph import VersionNode
from git_theta.small_file import read_small_file


def recorded_history(
    repository: Repository, commit: str, models: Sequence[str] | None = None
) -> dict[str, dict[str, RecordedResult]]:
    """Digest of a model → test → result, of all results in the history of a commit, and in the work tree.

    Args:
        repository: The repository.
        commit: The commit's id.
        models: Paths of the models; `None` for all.
    """
    found: dict[str, dict[str, RecordedResult]] = {}
    for path, text in _texts(repository, commit, models):
        # A text in conflict, or one that somebody broke, has no results.
        with suppress(UsageError):
            for test, result in parse_results(text, path).items():
                found.setdefault(result.model, {}).setdefault(test, result)
    return found


def metrics_of_versions(
    versions: Mapping[str, Sequence[VersionNode]], known: Mapping[str, Mapping[str, RecordedResult]]
) -> dict[str, dict[str, list[tuple[str, float]]]]:
    """Model → test → commit and value of each version that has a value, the oldest first.

    Args:
        versions: Model → its versions, the newest first.
        known: Results, as `recorded_history` gives them.
    """
    found: dict[str, dict[str, list[tuple[str, float]]]] = {}
    for model, history in versions.items():
        for version in reversed(history):
            for test, result in known.get(version.model, {}).items():
                if result.value is not None:
                    points = found.setdefault(model, {}).setdefault(test, [])
                    points.append((version.commit, result.value))
    return found


def _texts(repository: Repository, commit: str, models: Sequence[str] | None) -> Iterator[tuple[str, bytes]]:
    """Paths and contents of recorded results, the newest first."""
    paths = _work_tree_paths(repository) if models is None else [results_path(model) for model in models]
    for path in paths:
        with suppress(GitError, UsageError):
            yield path, read_small_file(tracked_place(repository.root, path), MAX_RESULTS)
    listing = repository.git.listing(
        *("log", "--raw", "-z", "--no-abbrev", "--no-renames", "-m", "--format=", commit, "--"),
        *literal([FOLDER.rstrip("/")] if models is None else paths),
    )
    fields = iter(os.fsdecode(listing).split("\0"))
    with Blobs(repository.git.cwd) as blobs:
        seen = set()
        for head in fields:
            # Empty parts are between commits.
            change = raw_change(head, fields) if head else None
            if change and change.new_oid and change.new_oid not in seen:
                seen.add(change.new_oid)
                yield change.new_path, blobs.read(change.new_oid, MAX_RESULTS) or b""


def _work_tree_paths(repository: Repository) -> list[str]:
    """Paths of recorded results in the work tree, from its top; none in a bare repository."""
    found = []
    with suppress(GitError):
        top = repository.root
        for folder, _, names in os.walk(top / FOLDER):
            found += [os.path.relpath(os.path.join(folder, name), top) for name in names]
    return sorted(found)
