"""The names that models have now, for paths in records that they had before."""

from __future__ import annotations

from collections.abc import Collection

from git_theta.git.history.file_log import commits_with_changes
from git_theta.git.history.renames import find_rename_target
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.manifest_reader import ManifestReader


def moved_models(tree: LineageTree, paths: Collection[str]) -> dict[str, str]:
    """Path → name of the model in a version, of files that the history before it renamed.

    Renames are found along first parents. Paths that were never there, or that were removed, are left out.

    Args:
        tree: The version.
        paths: Paths from the top that the version doesn't have.
    """
    git, rev = tree.repository.git, tree.rev or "HEAD"
    found: dict[str, str] = {}
    if not paths or not git.ok("rev-parse", "-q", "--verify", rev):
        return found
    tip = resolve_commit(git, rev)
    names = {file: name for name, parts in tree.models.items() for file in parts.files}
    # Path to look for → the paths that became it, and all paths on the way, which end circles.
    wanted = {path: {path} for path in paths}
    tried = set(paths)
    with ManifestReader(git) as manifests:
        while wanted:
            targets: dict[str, set[str]] = {}
            for path, target in _targets(tree, manifests, tip, wanted):
                if target in names:
                    found.update(dict.fromkeys(wanted[path], names[target]))
                elif target not in tried:
                    tried.add(target)
                    targets.setdefault(target, set()).update(wanted[path])
            wanted = targets
    return found


def _targets(
    tree: LineageTree, manifests: ManifestReader, tip: str, paths: Collection[str]
) -> list[tuple[str, str]]:
    """Paths, and what each became in the last commit that removed it."""
    git, left = tree.repository.git, set(paths)
    found: list[tuple[str, str]] = []
    for commit, changes in commits_with_changes(
        git, tip, *(f":(top,literal){path}" for path in sorted(left))
    ):
        for path in sorted(left.intersection(changes)):
            old, new = changes[path]
            left.discard(path)
            if old and new is None and commit.parents:
                target = find_rename_target(git, manifests, commit.parents[0], commit.oid, path)
                if target:
                    found.append((path, target))
        if not left:
            break
    return found
