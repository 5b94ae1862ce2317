"""Side-load updates that the user gives into a tracked file: the result goes to work tree and index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from git_theta.encoding.new_manifest import completed
from git_theta.encoding.selection import dense_choice
from git_theta.errors import UsageError
from git_theta.git.remote.fetch import ensure_objects, needed_objects
from git_theta.git.worktree.previous_version import earlier_versions, previous_version
from git_theta.git.worktree.update_target import UpdateResult, UpdateTarget, update_target
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import Entry, Manifest
from git_theta.sideload.applied import can_be_applied_twice, is_applied
from git_theta.sideload.draft import Draft, apply, check_steps, store_all
from git_theta.sideload.given_update import FromData, GivenUpdate
from git_theta.sideload.peft import is_adapter, read_adapter
from git_theta.sideload.update_data import read_steps
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from git_theta.updates.base import UnsuitableError
from git_theta.updates.side_loaded import StoredAsGiven

#: Parameters by which an update that is there already is found; one may be too near to its base to tell.
_PROBES = 2


def sideload(
    workspace: Workspace, path: str, update: FromData, data: Path, *, again: bool = False
) -> UpdateResult:
    """Store the updates that a user gives.

    Where the work tree has the previous version, it gets the result. Where it has another version, that one
    is stored, exactly: parameters that updates are given for as these updates and what is left to add.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        path: The checkpoint, from there.
        update: The kind of update that the data is for.
        data: A checkpoint file or an adapter's folder.
        again: Whether updates that the file has already are applied once more.

    Raises:
        ThetaError: Something doesn't fit. Nothing is staged then, and the work tree is as it was.
    """
    repository = workspace.repository
    previous = previous_version(repository.git, path)
    old = previous.manifest.by_name
    given = _read_steps(data, update, previous.manifest)
    ensure_objects(repository, needed_objects([previous.manifest.layout, *(old[name] for name in given)]))
    with update_target(workspace, path, previous) as target:
        if target.is_changed:
            return _store_changed(target, given)
        if not again:
            _check_not_applied(target, given)
        return _apply(target, given)


def _read_steps(data: Path, update: FromData, manifest: Manifest) -> Mapping[str, Sequence[GivenUpdate]]:
    """The updates in a file or folder, by parameter; all fit the manifest's parameters."""
    specs = {entry.name: entry.spec for entry in manifest.entries}
    if data.is_dir() and not is_adapter(data):
        raise UsageError(f"{data} is a folder without adapter_config.json", "give a file, or PEFT's folder")
    given = read_adapter(data, update.name, specs) if data.is_dir() else read_steps(data, update, specs)
    for name, steps in given.items():
        check_steps(steps, name, specs[name])
    return given


def _check_not_applied(target: UpdateTarget, given: Mapping[str, Sequence[GivenUpdate]]) -> None:
    """Check by one of its smallest parameters that an update isn't in the file already.

    Raises:
        UsageError: It is.
    """
    store, old = target.workspace.repository.store, target.previous.manifest.by_name
    names = [name for name, steps in given.items() if can_be_applied_twice(tuple(steps))]
    for name in sorted(names, key=lambda name: old[name].spec.nbytes)[:_PROBES]:
        versions = earlier_versions(target.workspace.repository, target.path)
        earlier = [manifest.by_name[name] for manifest in versions if name in manifest.by_name]
        here = [each for each in earlier if all(store.has(ref.oid) for ref in each.source.payloads())]
        if is_applied(old[name], given[name][0], here, store):
            raise UsageError(
                f"{target.path} has this update already: {name} is as after it",
                "nothing was changed; to apply it once more: --again",
            )


def _apply(target: UpdateTarget, given: Mapping[str, Sequence[GivenUpdate]]) -> UpdateResult:
    """Make the new version from the updates, and write it."""
    repository, before = target.workspace.repository, target.previous.manifest
    store, old = repository.store, before.by_name
    made = store_all(
        lambda name: apply(old[name], given[name], store), given, store, repository.settings.thread_count
    )
    made = {name: entry for name, entry in made.items() if entry.digest != old[name].digest}
    made.update(_tied(store, before, made))
    entries = tuple(made.get(entry.name, entry) for entry in before.entries)
    return target.write_and_stage(completed(replace(before, entries=entries), store))


def _tied(store: LocalStore, manifest: Manifest, changed: Mapping[str, Entry]) -> dict[str, Entry]:
    """Parameters that share their bytes in the file with a changed one, and have no update of their own."""
    placements = Smudger(store).layout(manifest).placements
    places = {place.name: (place.offset, place.strides, place.big_endian) for place in placements}
    by_place = {(places.get(name), entry.spec): entry for name, entry in changed.items()}
    found = {}
    for entry in manifest.entries:
        twin = by_place.get((places.get(entry.name), entry.spec))
        if twin and entry.name not in changed and entry.spec.count:
            found[entry.name] = replace(twin, name=entry.name, extra=entry.extra)
    return found


def _store_changed(target: UpdateTarget, given: Mapping[str, Sequence[GivenUpdate]]) -> UpdateResult:
    """Store the file's content as the updates where they pay, and as what is left to add to their result."""
    old, new = target.previous.manifest.by_name, target.current.by_name
    store = target.workspace.repository.store

    def make(name: str, value: memoryview) -> Draft | None:
        if not isinstance(given[name][-1].update, StoredAsGiven) or new[name].spec != old[name].spec:
            return None
        try:
            draft = apply(old[name], given[name], store, value)
        except UnsuitableError:
            return None
        return draft if _is_cheaper(draft, value) else None

    made = target.store_drafts(given, make)
    return target.stage(target.clean({entry.digest: entry.source for entry in made.values()}))


def _is_cheaper(draft: Draft, value: memoryview) -> bool:
    """Whether an update costs less than the whole value: it may have nothing to do with the change."""
    if draft.payload is None or 2 * len(draft.payload) < len(value):
        return draft.payload is not None
    return len(draft.payload) < sum(map(len, dense_choice(value, draft.entry.spec).payload()))
