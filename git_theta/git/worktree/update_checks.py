"""Checks before given updates are applied: they aren't there already, and tied layers stay equal."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from git_theta.encoding.readable import readable
from git_theta.errors import UsageError
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.previous_version import earlier_versions
from git_theta.git.worktree.update_target import UpdateTarget
from git_theta.model.manifest import Entry, Manifest
from git_theta.sideload.applied import can_be_applied_twice, is_applied
from git_theta.sideload.given_update import GivenUpdate
from git_theta.sideload.tied import CONFIG, has_tied_output, replaced_embeddings, replaces
from git_theta.small_file import MAX_SETTINGS
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore

#: Parameters of a file by which an update that is there already is found; one may be too near to its base.
_PROBES = 2


@dataclass(frozen=True, slots=True)
class UpdatedFile:
    """A checkpoint, alone or a shard of a model, and the updates that it gets.

    Attributes:
        target: The file in the work tree.
        base: The version that the updates apply to.
        given: Name of a parameter → its updates, one after another.
    """

    target: UpdateTarget
    base: Manifest
    given: Mapping[str, tuple[GivenUpdate, ...]]

    @property
    def path(self) -> str:
        """The file, from the top of the work tree."""
        return self.target.path


def check_ties(repository: Repository, files: Sequence[UpdatedFile], entries: Mapping[str, Entry]) -> None:
    """Check that an adapter replaces no embedding that is tied to another layer, which PEFT leaves as it is.

    Args:
        repository: The repository, with Git at the top of its work tree.
        files: The files that the adapter changes.
        entries: All parameters of the model, by name.

    Raises:
        UsageError: It does.
    """
    given = {name: steps for file in files for name, steps in file.given.items()}
    replaced = [name for name, steps in given.items() if replaces(entries[name], steps)]
    if not replaced:
        return
    changed = {name: entries[name] for name in replaced}
    same = (tied(repository.store, file.base, changed) for file in files)
    twins = [name for names in same for name in names if name not in given]
    embeddings = replaced_embeddings(entries, given)
    if twins:
        reason = f"{twins[0]} shares its memory"
    elif embeddings and has_tied_output(_model_config(repository, files[0].path), entries):
        replaced, reason = embeddings, f"{CONFIG} ties input embedding and output layer (tie_word_embeddings)"
    else:
        return
    raise UsageError(
        f"the adapter replaces {replaced[0]}, and {reason}: PEFT would change only one of the two",
        "to change what is tied together: --tied; else untie them in the model first",
    )


def check_not_applied(files: Sequence[UpdatedFile], rev: str) -> None:
    """Check by the smallest parameters of each file that an update isn't there already.

    Args:
        files: The files that get the update.
        rev: The commit whose version the update applies to, or comes after.

    Raises:
        UsageError: A file has it.
    """
    for file in files:
        name = _applied(file, rev)
        if name is not None:
            raise UsageError(
                f"{file.path} has this update already: {name} is as after it",
                "nothing was changed; to apply it once more: --again",
            )


def _applied(file: UpdatedFile, rev: str) -> str | None:
    """Name of a parameter that has its update already; `None` if none is found."""
    repository, old = file.target.workspace.repository, file.base.by_name
    names = [name for name, steps in file.given.items() if can_be_applied_twice(steps)]
    probes = sorted(names, key=lambda name: old[name].spec.nbytes)[:_PROBES]
    if not probes:
        return None
    store, versions = repository.store, list(earlier_versions(repository, file.path, rev))
    for name in probes:
        earlier = [manifest.by_name[name] for manifest in versions if name in manifest.by_name]
        here = [each for each in (readable(entry, store) for entry in earlier) if each]
        if is_applied(old[name], file.given[name], here, store):
            return name
    return None


def tied(store: LocalStore, manifest: Manifest, changed: Mapping[str, Entry]) -> dict[str, Entry]:
    """Parameters that share their bytes in the file with a changed one, and have no update of their own.

    Args:
        store: Has the file's layout.
        manifest: The file.
        changed: The new entries of changed parameters, by name; other names are ignored.
    """
    placements = Smudger(store).layout(manifest).placements
    places = {place.name: (place.offset, place.strides, place.big_endian) for place in placements}
    by_place = {(places[name], entry.spec): entry for name, entry in changed.items() if name in places}
    found = {}
    for entry in manifest.entries:
        if entry.name not in places or entry.name in changed:
            continue
        twin = by_place.get((places[entry.name], entry.spec))
        if twin and entry.spec.count:
            found[entry.name] = replace(twin, name=entry.name, extra=entry.extra)
    return found


def _model_config(repository: Repository, path: str) -> Mapping[str, Any]:
    """The settings of the model, from the file in its folder; none if there's no such file."""
    place = os.path.join(os.path.dirname(repository.git.path(path)), CONFIG)
    with work_file(place) as file, suppress(ValueError, RecursionError):
        found = json.loads(bytes(file.data)) if file and len(file.data) <= MAX_SETTINGS else {}
        return found if isinstance(found, dict) else {}
    return {}
