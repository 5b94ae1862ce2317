"""The merge in progress: the changes of its sides in each model."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress

from git_theta.errors import GitError, ThetaError
from git_theta.git.merge.parents import merge_base
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.models import find_model
from git_theta.git.repository.repository import Repository
from git_theta.merging.possible_conflicts import SideChanges, changes_of_versions
from git_theta.model.manifest import Manifest

_ALL_FILES = ("-z", "--name-only", "--no-renames", "-r")


def merged_commits(repository: Repository) -> tuple[str, ...]:
    """HEAD and the commits that are being merged into it; none if no merge is going on."""
    git = repository.git
    try:
        lines = (repository.git_dir / "MERGE_HEAD").read_text().split()
    except OSError:
        return ()
    with suppress(GitError):
        return (git.line("rev-parse", "HEAD^{commit}"), *lines)
    return ()


def changes_of_merge(
    repository: Repository, models: Collection[tuple[str, Collection[str]]]
) -> dict[str, SideChanges]:
    """Name → changes, of models that several sides of the merge that is going on changed.

    Args:
        repository: The repository, with Git at the top of its work tree.
        models: Name and files of each model.
    """
    git, sides = repository.git, merged_commits(repository)
    base = merge_base(git, sides) if sides else None
    if base is None:
        return {}
    changed = [_changed_files(git, base, side) for side in sides]
    found = {}
    for name, files in models:
        if sum(not side.isdisjoint(files) for side in changed) > 1:
            # A version that isn't whole, or isn't there, can't be compared.
            with suppress(ThetaError):
                versions = [_version(git, commit, name) for commit in (base, *sides)]
                found[name] = changes_of_versions(versions[0], versions[1:])
    return found


def _changed_files(git: Git, base: str, side: str) -> frozenset[str]:
    names = git.run("diff-tree", *_ALL_FILES, base, side).split(b"\0")
    return frozenset(map(os.fsdecode, filter(None, names)))


def _version(git: Git, commit: str, name: str) -> Manifest:
    return find_model(git, f"{commit}:{name}").manifest
