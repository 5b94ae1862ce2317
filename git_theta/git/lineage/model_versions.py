"""The versions of models in history: of one model, or of many by one walk through all commits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from git_theta.errors import ThetaError
from git_theta.git.history.commit_info import CommitInfo
from git_theta.git.history.file_log import commits_with_changes, file_revisions
from git_theta.git.history.model_history import ModelHistory
from git_theta.git.history.model_log import model_revisions
from git_theta.git.history.renames import find_rename_source
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.git.repository.repository import Repository
from git_theta.lineage.graph import VersionNode


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
            return tuple(_sharded_versions(tree, reader, tip, path))
        return tuple(
            _version(tree, revision.commit, revision.path, (revision.new_blob,))
            for revision in file_revisions(git, reader, tip, path)
            if revision.new_blob
        )


def version_with(tree: LineageTree, path: str, digest: str) -> VersionNode | None:
    """The newest version of a model whose parameters have a digest; `None` if history doesn't have it.

    Args:
        tree: The tree of the commit to begin at; that of the index stands for HEAD.
        path: The model's name in it.
        digest: The digest.
    """
    versions = model_versions(tree.repository, path, tree.rev or "HEAD")
    return next((version for version in versions if version.model == digest), None)


def versions_of_models(
    repository: Repository, paths: Iterable[str], rev: str = "HEAD"
) -> dict[str, tuple[VersionNode, ...]]:
    """Name of a model → what `model_versions` gives, for many models; those that the revision has.

    Git lists all commits once, instead of once a model.
    """
    git = repository.git
    if not git.ok("rev-parse", "-q", "--verify", rev):
        return {}
    tip = resolve_commit(git, rev)
    with LineageTree(repository, tip) as tree, ManifestReader(git) as reader:
        found: dict[str, list[VersionNode]] = {path: [] for path in paths if path in tree.models}
        # Path at the time → models of today that had it.
        followed = {}
        for path, versions in found.items():
            if tree.models[path].is_sharded:
                versions += _sharded_versions(tree, reader, tip, path)
            else:
                followed[path] = [path]
        for commit, changes in commits_with_changes(git, tip, ":(top)") if followed else ():
            is_any_removed = any(new is None for _, new in changes.values())
            for path in [path for path in changes if path in followed]:
                old, new = changes[path]
                if new is None:
                    continue
                names = followed[path]
                for name in names:
                    found[name].append(_version(tree, commit, path, (new,)))
                if old is None and is_any_removed and commit.parents:
                    source = find_rename_source(git, reader, commit.parents[0], commit.oid, path)
                    if source:
                        del followed[path]
                        followed.setdefault(source[0], []).extend(names)
    return {name: tuple(versions) for name, versions in found.items()}


def _sharded_versions(
    tree: LineageTree, reader: ManifestReader, tip: str, name: str
) -> Iterator[VersionNode]:
    """The commits that changed any of a model's files, each with the whole model as it was there."""
    for revision in model_revisions(ModelHistory(tree.repository.git, reader), tip, name):
        if revision.new:
            yield _version(tree, revision.commit, revision.name, revision.new.oids)


def _version(tree: LineageTree, commit: CommitInfo, path: str, blobs: tuple[str, ...]) -> VersionNode:
    try:
        model = tree.facts_of(blobs).model
    except ThetaError:
        model = ""
    return VersionNode(commit.oid, model, path, commit.subject, commit.date)
