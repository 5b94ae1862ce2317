"""Store the changed parameters of a tracked file as lossy updates, and write the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from git_theta.encoding.new_manifest import completed
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.worktree.previous_version import previous_version
from git_theta.git.worktree.update_target import UpdateResult, update_target
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import Entry
from git_theta.sideload.draft import Draft, apply_lossy
from git_theta.updates.base import UnsuitableError
from git_theta.updates.side_loaded import Lossy


def store_lossy(workspace: Workspace, path: str, update: Lossy, epsilon: float) -> UpdateResult:
    """Store the file in the work tree as a lossy update of its previous version, and write the result.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        path: The checkpoint, from there.
        update: The lossy update, such as `quantized`.
        epsilon: The error bound that the user gave, positive.

    Raises:
        ThetaError: Something doesn't fit. Nothing is staged then, and the work tree is as it was.
    """
    repository = workspace.repository
    previous = previous_version(repository.git, path)
    old = previous.manifest.by_name
    with update_target(workspace, path, previous) as target:
        if not target.is_changed:
            return UpdateResult(0, 0, 0, written=False)
        new = target.current.by_name

        def make(name: str, value: memoryview) -> Draft | None:
            if name not in old or old[name].spec != new[name].spec:
                return None
            try:
                return apply_lossy(old[name], update, value, epsilon, repository.store)
            except UnsuitableError:
                return None

        changed = [e.name for e in new.values() if e.name not in old or old[e.name].digest != e.digest]
        ensure_values(repository, (old[name] for name in changed if name in old))
        made = target.store_drafts(changed, make)
        rounded = {new[name].digest: entry for name, entry in made.items()}
        cleaned = target.clean({digest: entry.source for digest, entry in rounded.items()})
        entries = tuple(_with_rounded_digest(entry, rounded) for entry in cleaned.entries)
        return target.write_and_stage(completed(replace(cleaned, entries=entries), repository.store))


def _with_rounded_digest(entry: Entry, rounded: Mapping[str, Entry]) -> Entry:
    """An entry with the digest of the value that its source gives, if that's a rounded one."""
    found = rounded.get(entry.digest)
    return replace(entry, digest=found.digest) if found and found.source == entry.source else entry
