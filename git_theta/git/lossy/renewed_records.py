"""Lineage records of models that are stored nearly: they describe the new values then."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from git_theta.errors import ThetaError
from git_theta.git.lineage.edit_record import check_record, read_record, write_record
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.change_index import add_files
from git_theta.git.plumbing.dirty_paths import dirty_paths
from git_theta.git.repository.repository import Repository
from git_theta.lineage.record import LineageRecord, record_path


def renewed_records(tree: LineageTree, models: Mapping[str, tuple[str, str]]) -> dict[str, LineageRecord]:
    """Path of a model → its record with the digest of its new values.

    Models whose record describes another version, or isn't valid, are left out.

    Args:
        tree: The index before.
        models: Path of a model → digests of its parameters, before and after.

    Raises:
        UsageError: A record's place is a link, or can't be written.
    """
    found = {}
    for name, (before, after) in models.items():
        record = None
        with suppress(ThetaError):
            record = read_record(tree, name)
        if record is not None and before != after and record.model == before:
            found[name] = replace(record, model=after)
            check_record(tree, name, found[name])
    return found


def write_records(repository: Repository, records: Mapping[str, LineageRecord]) -> None:
    """Write records into the work tree, and stage those whose files were as in the index.

    Raises:
        UsageError: A record's place is a link, or can't be written.
        GitError: The index is locked.
    """
    paths = [record_path(name) for name in records]
    dirty = set(dirty_paths(repository.git, paths))
    with LineageTree(repository) as tree:
        for name, record in records.items():
            write_record(tree, name, record)
    staged = [path for path in paths if path not in dirty]
    if staged:
        add_files(repository.git, staged)
