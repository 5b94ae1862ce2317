"""Side-load updates that the user gives into a tracked model: the result goes to work tree and index."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from git_theta.encoding.new_manifest import completed
from git_theta.encoding.selection import dense_choice
from git_theta.errors import UsageError, join_hints
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.revspec import find_manifest
from git_theta.git.worktree.model_paths import index_of
from git_theta.git.worktree.previous_version import PreviousVersion, previous_version
from git_theta.git.worktree.update_checks import UpdatedFile, check_not_applied, check_ties, tied
from git_theta.git.worktree.update_target import (
    UpdateResult,
    combined_results,
    update_target,
    write_and_stage_all,
)
from git_theta.git.worktree.workspace import Workspace
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.parameter_names import UnknownParameterError
from git_theta.sideload.draft import Draft, apply, check_steps, store_all
from git_theta.sideload.given_update import FromData, GivenUpdate
from git_theta.sideload.peft import is_adapter, keeps_ties, read_adapter
from git_theta.sideload.update_data import read_steps
from git_theta.updates.base import UnsuitableError
from git_theta.updates.low_rank import LowRank
from git_theta.updates.side_loaded import StoredAsGiven

#: Paths that a message lists.
_SHOWN = 3


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


@dataclass(frozen=True, slots=True)
class _Version:
    """A file's version that is staged or committed, and the one that updates apply to."""

    path: str
    previous: PreviousVersion
    base: Manifest


def sideload(
    workspace: Workspace, paths: Sequence[str], update: FromData, data: Path, options: SideloadOptions
) -> UpdateResult:
    """Store the updates that a user gives.

    Where the work tree has the previous version, it gets the result. Where it has another version, that one
    is stored, exactly: parameters that updates are given for as these updates and what is left to add.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        paths: The checkpoints that the model is made of, from there: one, or its shards.
        update: The kind of update that the data is for.
        data: A checkpoint file, an adapter's folder, or its file.
        options: Choices of the user.

    Raises:
        ThetaError: Something doesn't fit. Nothing is staged then, and the work tree is as it was.
    """
    repository = workspace.repository
    versions = [_version(workspace, path, options.base) for path in paths]
    owners = _owners(versions)
    entries = {name: version.base.by_name[name] for name, version in owners.items()}
    try:
        given = _read_steps(data, update, entries, options)
    except UnknownParameterError as error:
        index = index_of(repository.git, paths[0]) if len(paths) == 1 else None
        if index is None:
            raise
        hint = f"{paths[0]} is one shard; for the whole model: git theta add {shlex.quote(index)}"
        raise UsageError(error.message, join_hints(error.hint, hint)) from error
    layouts = [version.base.layout for version in versions]
    ensure_values(repository, [*layouts, *(entries[name] for name in given)])
    with ExitStack() as stack:
        files = [
            UpdatedFile(
                stack.enter_context(update_target(workspace, version.path, version.previous)),
                version.base,
                {name: steps for name, steps in given.items() if owners[name] is version},
            )
            for version in versions
            if any(owners[name] is version for name in given)
        ]
        if _are_changed(files, options):
            return _store_changed(files)
        if is_adapter(data, update.name, options.scale) and not (options.tied or keeps_ties(data)):
            check_ties(workspace.repository, files, entries)
        if not options.again:
            check_not_applied(files, options.base or "HEAD")
        return write_and_stage_all([(file.target, _updated(file)) for file in files])


def _version(workspace: Workspace, path: str, rev: str) -> _Version:
    git = workspace.repository.git
    previous = previous_version(git, path)
    return _Version(path, previous, find_manifest(git, f"{rev}:{path}") if rev else previous.manifest)


def _owners(versions: Sequence[_Version]) -> dict[str, _Version]:
    """Name of a parameter → the file that has it.

    Raises:
        UsageError: Two files have it.
    """
    found: dict[str, _Version] = {}
    for version in versions:
        for entry in version.base.entries:
            if entry.name in found:
                first = found[entry.name].path
                raise UsageError(f"parameter {entry.name!r} is in {first} and in {version.path}")
            found[entry.name] = version
    return found


def _read_steps(
    data: Path, update: FromData, entries: Mapping[str, Entry], options: SideloadOptions
) -> dict[str, tuple[GivenUpdate, ...]]:
    specs, scale = {name: entry.spec for name, entry in entries.items()}, options.scale
    if scale is not None and not isinstance(update, LowRank):
        raise UsageError(f"--scale is for the factors of low-rank updates, not for {update.name}")
    adapter = is_adapter(data, update.name, scale)
    if data.is_dir() and not adapter:
        raise UsageError(f"{data} is a folder without adapter_config.json", "give a file, or PEFT's folder")
    if adapter:
        given = read_adapter(data, update.name, specs, scale)
    else:
        given = read_steps(data, update if scale is None else LowRank(scale), specs)
    for name, steps in given.items():
        check_steps(steps, name, specs[name])
    return given


def _are_changed(files: Sequence[UpdatedFile], options: SideloadOptions) -> bool:
    """Whether the files in the work tree differ from the previous versions: all of them, or none.

    Raises:
        UsageError: Some do and some don't, or the changes would be overwritten.
    """
    changed = [file.path for file in files if file.target.is_changed]
    if changed and options.base:
        raise UsageError(
            f"{_listed(changed)} has changes that --base would overwrite", "commit or stash them first"
        )
    if changed and len(changed) < len(files):
        others = [file.path for file in files if not file.target.is_changed]
        raise UsageError(
            f"{_listed(changed)} has changes, and {_listed(others)}, which the update is for, too, hasn't",
            "change all shards that the update is for, or commit or stash the changes",
        )
    return bool(changed)


def _listed(paths: Sequence[str]) -> str:
    return ", ".join(paths[:_SHOWN]) + (", …" if len(paths) > _SHOWN else "")


def _updated(file: UpdatedFile) -> Manifest:
    """The manifest of a file's new version, made from another one and the updates."""
    repository = file.target.workspace.repository
    store, before, old = repository.store, file.base, file.base.by_name
    made = store_all(
        lambda name: apply(old[name], file.given[name], store),
        file.given,
        store,
        repository.settings.thread_count,
    )
    made = {name: entry for name, entry in made.items() if entry.digest != old[name].digest}
    made.update(tied(store, before, made))
    entries = tuple(made.get(entry.name, entry) for entry in before.entries)
    return completed(replace(before, entries=entries), store)


def _store_changed(files: Sequence[UpdatedFile]) -> UpdateResult:
    """Store the files' content as the updates where they pay, and as what is left to add to their result."""
    manifests = [_changed(file) for file in files]
    return combined_results(
        [file.target.stage(manifest) for file, manifest in zip(files, manifests, strict=True)]
    )


def _changed(file: UpdatedFile) -> Manifest:
    target, given = file.target, file.given
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
    return target.clean({entry.digest: entry.source for entry in made.values()})


def _is_cheaper(draft: Draft, value: memoryview) -> bool:
    """Whether an update costs less than the whole value: it may have nothing to do with the change."""
    if draft.payload is None or 2 * len(draft.payload) < len(value):
        return draft.payload is not None
    return len(draft.payload) < sum(map(len, dense_choice(value, draft.entry.spec).payload()))
