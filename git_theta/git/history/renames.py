"""Renames of a checkpoint: by the text of its manifest, or by its parameters."""

from __future__ import annotations

from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.raw_diff import parse_raw_diff
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.model.manifest import Manifest

#: A new file comes from a removed one if at least this share of the parameters is the same by name, dtype
#: and shape.
_MIN_SIMILARITY = 0.5


def find_rename_source(
    git: Git, manifests: ManifestReader, parent: str, commit: str, path: str
) -> tuple[str, str] | None:
    """The file of a parent that became a file that is new in a commit, as (path, blob id).

    Git tells by the text of the manifests. Where every parameter got another value, the source is the removed
    file with the most similar parameters.
    """
    git.check_listed(parent, commit)
    raw = git.listing(
        "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "-M", "--diff-filter=ARD", parent, commit
    )
    removed = []
    target: str | None = None
    for change in parse_raw_diff(raw):
        if change.status == "R":
            if change.new_path == path:
                return change.old_path, change.old_oid
        elif change.status == "D":
            removed.append((change.old_path, change.old_oid))
        elif change.new_path == path:
            target = change.new_oid
    made = manifests.get(target) if target and removed else None
    if not made:
        return None
    best, source = 0.0, None
    for old_path, oid in removed:
        manifest = manifests.get(oid)
        similarity = _similarity(made, manifest) if manifest else 0.0
        if similarity > best:
            best, source = similarity, (old_path, oid)
    return source if best >= _MIN_SIMILARITY else None


def find_rename_target(
    git: Git, manifests: ManifestReader, parent: str, commit: str, path: str
) -> str | None:
    """The new file of a commit that a file of its parent became; `None` if the commit only removed it."""
    git.check_listed(parent, commit)
    raw = git.listing("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--diff-filter=A", parent, commit)
    for change in parse_raw_diff(raw):
        if manifests.get(change.new_oid):
            source = find_rename_source(git, manifests, parent, commit, change.new_path)
            if source and source[0] == path:
                return change.new_path
    return None


def _similarity(one: Manifest, other: Manifest) -> float:
    """The share of parameters that two manifests have in common by name, dtype and shape."""
    names = {(entry.name, entry.spec) for entry in one.entries}
    shared = sum((entry.name, entry.spec) in names for entry in other.entries)
    return shared / max(len(names), len(other.entries), 1)
