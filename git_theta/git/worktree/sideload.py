"""Side-load updates that the user gives into a tracked file: the result goes to work tree and index."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from git_theta.encoding.new_manifest import completed
from git_theta.encoding.selection import dense_choice
from git_theta.errors import UsageError
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.remote.fetch import ensure_objects, needed_objects
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.revspec import find_manifest
from git_theta.git.worktree.previous_version import earlier_versions, previous_version
from git_theta.git.worktree.update_target import UpdateResult, UpdateTarget, update_target
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import Entry, Manifest
from git_theta.sideload.applied import can_be_applied_twice, is_applied
from git_theta.sideload.draft import Draft, apply, check_steps, store_all
from git_theta.sideload.given_update import FromData, GivenUpdate
from git_theta.sideload.peft import is_adapter, keeps_ties, read_adapter
from git_theta.sideload.tied import CONFIG, has_tied_output, replaced_embeddings, replaces
from git_theta.sideload.update_data import read_steps
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore
from git_theta.updates.base import UnsuitableError
from git_theta.updates.low_rank import LowRank
from git_theta.updates.side_loaded import StoredAsGiven

#: Parameters by which an update that is there already is found; one may be too near to its base to tell.
_PROBES = 2

#: Larger files aren't settings of a model.
_MAX_CONFIG = 1 << 20


@dataclass(frozen=True, slots=True)
class SideloadOptions:
    """Options of side-loading.

    Attributes:
        scale: A factor for products of factors; `None` for 1.
        base: The revision whose version the updates apply to; empty for the one that is staged or committed.
        again: Whether updates that the file has already are applied once more.
        tied: Whether an embedding may be replaced together with the output layer that is tied to it.
    """

    scale: float | None = None
    base: str = ""
    again: bool = False
    tied: bool = False


def sideload(
    workspace: Workspace, path: str, update: FromData, data: Path, options: SideloadOptions
) -> UpdateResult:
    """Store the updates that a user gives.

    Where the work tree has the previous version, it gets the result. Where it has another version, that one
    is stored, exactly: parameters that updates are given for as these updates and what is left to add.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        path: The checkpoint, from there.
        update: The kind of update that the data is for.
        data: A checkpoint file, an adapter's folder, or its file.
        options: Choices of the user.

    Raises:
        ThetaError: Something doesn't fit. Nothing is staged then, and the work tree is as it was.
    """
    repository = workspace.repository
    previous = previous_version(repository.git, path)
    base = find_manifest(repository.git, f"{options.base}:{path}") if options.base else previous.manifest
    old = base.by_name
    given = _read_steps(data, update, base, options)
    ensure_objects(repository, needed_objects([base.layout, *(old[name] for name in given)]))
    with update_target(workspace, path, previous) as target:
        if target.is_changed:
            if options.base:
                raise UsageError(
                    f"{path} has changes that --base would overwrite", "commit or stash them first"
                )
            return _store_changed(target, given)
        if is_adapter(data, options.scale) and not (options.tied or keeps_ties(data)):
            _check_ties(repository, path, base, given)
        if not (options.again or options.base):
            _check_not_applied(target, given)
        return _apply(target, given, base)


def _read_steps(
    data: Path, update: FromData, manifest: Manifest, options: SideloadOptions
) -> dict[str, tuple[GivenUpdate, ...]]:
    specs, scale = {entry.name: entry.spec for entry in manifest.entries}, options.scale
    if scale is not None and not isinstance(update, LowRank):
        raise UsageError(f"--scale is for the factors of low-rank updates, not for {update.name}")
    adapter = is_adapter(data, scale)
    if data.is_dir() and not adapter:
        raise UsageError(f"{data} is a folder without adapter_config.json", "give a file, or PEFT's folder")
    if adapter:
        given = read_adapter(data, update.name, specs, scale)
    else:
        given = read_steps(data, update if scale is None else LowRank(scale), specs)
    for name, steps in given.items():
        check_steps(steps, name, specs[name])
    return given


def _check_ties(
    repository: Repository, path: str, base: Manifest, given: Mapping[str, Sequence[GivenUpdate]]
) -> None:
    """Check that an adapter replaces no embedding that is tied to another layer, which PEFT leaves as it is.

    Raises:
        UsageError: It does.
    """
    entries, names = base.by_name, [entry.name for entry in base.entries]
    replaced = [name for name, steps in given.items() if replaces(entries[name], steps)]
    if not replaced:
        return
    changed = {name: entries[name] for name in replaced}
    twins = [name for name in _tied(repository.store, base, changed) if name not in given]
    embeddings = replaced_embeddings(entries, given)
    if twins:
        reason = f"{twins[0]} shares its memory"
    elif embeddings and has_tied_output(_model_config(repository, path), names):
        replaced, reason = embeddings, f"{CONFIG} ties input embedding and output layer (tie_word_embeddings)"
    else:
        return
    raise UsageError(
        f"the adapter replaces {replaced[0]}, and {reason}: PEFT would change only one of the two",
        "to change what is tied together: --tied; else untie them in the model first",
    )


def _model_config(repository: Repository, path: str) -> Mapping[str, Any]:
    """The settings of the model, from the file in its folder; none if there's no such file."""
    place = os.path.join(os.path.dirname(repository.git.path(path)), CONFIG)
    with work_file(place) as file, suppress(ValueError, RecursionError):
        found = json.loads(bytes(file.data)) if file and len(file.data) <= _MAX_CONFIG else {}
        return found if isinstance(found, dict) else {}
    return {}


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


def _apply(
    target: UpdateTarget, given: Mapping[str, Sequence[GivenUpdate]], before: Manifest
) -> UpdateResult:
    """Make the new version from another one and the updates, and write it."""
    repository = target.workspace.repository
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
