"""Recent versions: manifests of the last commits of all branches, local and fetched."""

from __future__ import annotations

import os
from collections.abc import Container

from git_theta.errors import GitError
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.partial_clone import is_partial_clone
from git_theta.git.plumbing.raw_diff import raw_changes
from git_theta.git.repository.manifest_walk import ManifestBlob, manifests_among

#: The number of commits that are looked at, and bytes of the manifests that are read.
_MAX_COMMITS = 200
_MAX_BYTES = 4 << 20


def recent_versions(git: Git, known: Container[str]) -> list[ManifestBlob]:
    """Manifests that the last commits of branches and tags brought, the newest first.

    That takes milliseconds, as it's done while a user adds a file. Nothing is downloaded, so a partial clone
    has none.

    Args:
        git: Git in the repository.
        known: Ids of manifests to leave out.
    """
    if is_partial_clone(git):
        return []
    try:
        # A merge counts with all that it brought to its branch.
        raw = git.run(
            *("log", "--branches", "--remotes", "--tags", f"-n{_MAX_COMMITS}", "--format=", "--raw", "-z"),
            *("--no-abbrev", "--no-renames", "--diff-merges=first-parent", "--diff-filter=AM", "--root"),
        )
    except GitError:
        # A branch may lack objects, which doesn't matter to a new file.
        return []
    paths: dict[str, str] = {}
    for change in raw_changes(filter(None, os.fsdecode(raw).split("\0"))):
        if change.new_mode.startswith("100") and change.new_oid not in known:
            paths.setdefault(change.new_oid, change.new_path)
    filters = attribute_values(git, "filter", paths.values()) if paths else {}
    tracked = {oid: path for oid, path in paths.items() if filters.get(path) == "theta"}
    return manifests_among(git, tracked, _MAX_BYTES) if tracked else []
