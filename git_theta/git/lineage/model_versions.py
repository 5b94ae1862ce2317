"""The versions of a model in history."""

from __future__ import annotations

import os
from itertools import islice

from git_theta.errors import ThetaError
from git_theta.git.history.commit_info import FIELDS, PLAIN_LOG, parse_commit
from git_theta.git.history.file_log import file_revisions
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.git.repository.repository import Repository
from git_theta.lineage.graph import VersionNode
from git_theta.sharding.parts import ModelParts


def model_versions(repository: Repository, path: str, rev: str = "HEAD") -> tuple[VersionNode, ...]:
    """The commits that changed a model, the newest first, along first parents and through renames.

    Args:
        repository: The repository.
        path: The model's name in the revision; see `git_theta.sharding.parts.ModelParts`.
        rev: The revision to begin at.

    Raises:
        UsageError: There's no such revision.
    """
    git = repository.git
    if not git.ok("rev-parse", "-q", "--verify", rev):
        return ()
    tip = resolve_commit(git, rev)
    with LineageTree(repository, tip) as tree, ManifestReader(git) as reader:
        parts = tree.models.get(path)
        if parts is None:
            return ()
        if parts.is_sharded:
            return _sharded_versions(repository, parts, tip)
        found = []
        for revision in file_revisions(git, reader, tip, path):
            if revision.new_blob:
                commit = revision.commit
                model = _digest(tree, (revision.new_blob,))
                found.append(VersionNode(commit.oid, model, revision.path, commit.subject, commit.date))
        return tuple(found)


def _sharded_versions(repository: Repository, parts: ModelParts, tip: str) -> tuple[VersionNode, ...]:
    """The commits that changed any of a model's files, each with the whole model as it was there."""
    files = [*parts.files, *([parts.index] if parts.index else [])]
    text = repository.git.listing(
        *("log", "--first-parent", *PLAIN_LOG, f"--format=format:{'%x00'.join(FIELDS)}", "-z"),
        *(tip, "--", *(f":(top,literal){file}" for file in files)),
    )
    fields = iter(os.fsdecode(text).split("\0"))
    found = []
    while len(head := [*islice(fields, len(FIELDS))]) == len(FIELDS):
        commit = parse_commit(head)
        with LineageTree(repository, commit.oid) as tree:
            if parts.name in tree.models:
                model = _digest(tree, tree.blobs_of(parts.name))
                found.append(VersionNode(commit.oid, model, parts.name, commit.subject, commit.date))
    return tuple(found)


def _digest(tree: LineageTree, blobs: tuple[str, ...]) -> str:
    try:
        return tree.facts_of(blobs).model
    except ThetaError:
        return ""
