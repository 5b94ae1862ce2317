"""The state of each tracked model: that of its file, or of all its shards together."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from git_theta.diff import Diff, model_diff
from git_theta.errors import UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.models import group_models
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.status import FileState, WorkState
from git_theta.model.manifest import Manifest
from git_theta.sharding.grouping import group_folder
from git_theta.sharding.index_file import (
    MAX_INDEX,
    false_claims,
    is_index_name,
    parse_index,
    unlisted_parameters,
)
from git_theta.sharding.joined import ModelVersion
from git_theta.sharding.numbered import shard_number
from git_theta.sharding.parts import ModelParts
from git_theta.small_file import read_small_file

#: States of shards that are told together. Of others, it matters which shard has them.
_TOGETHER = {WorkState.SAME, WorkState.MODIFIED, WorkState.DELETED, WorkState.REMOVED, WorkState.PENDING}


@dataclass(frozen=True, slots=True)
class ModelState:
    """The state of a model of several files, or of a file.

    Attributes:
        state: The state; of several files, its path is the one that the model has as one file.
        parts: The files of the index, or those that were removed from it; `None` for a file that's alone.
        notes: Sentences about what isn't right with the files, such as an index that doesn't list them.
    """

    state: FileState
    parts: ModelParts | None = None
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of its files."""
        return self.parts.files if self.parts else (self.state.path,)

    @property
    def title(self) -> str:
        """The path, with the number of shards if there are any."""
        return self.parts.title if self.parts else self.state.path


def model_states(repository: Repository, files: Sequence[FileState]) -> Iterator[ModelState]:
    """The states of models, in the order of their first files.

    Args:
        repository: The repository, with Git at the top of its work tree.
        files: The states of all tracked files.
    """
    git = repository.git
    by_path = {each.path: each for each in files}
    now = {each.name: each for each in group_models(git, [each.path for each in files if each.indexed])}
    old: dict[str, ModelParts] = {}
    before = [each.path for each in files if each.head]
    if before:
        old = {each.name: each for each in group_models(git, before, "HEAD")}
    told: dict[str, ModelState] = {}
    for name in {*now, *old}:
        parts = [side.get(name) for side in (old, now)]
        if any(each and each.is_sharded for each in parts):
            found = _joined(repository, parts[0], parts[1], by_path)
            paths = {path for each in parts if each for path in each.files}
            told |= dict.fromkeys(paths, found) if found else {}
    seen: set[str] = set()
    for file in files:
        model = told.get(file.path)
        if model is None:
            yield ModelState(file)
        elif model.state.path not in seen:
            seen.add(model.state.path)
            yield model


def _joined(
    repository: Repository, old: ModelParts | None, new: ModelParts | None, states: Mapping[str, FileState]
) -> ModelState | None:
    """The state of a model; `None` if its files must be told one by one."""
    parts = new or old
    assert parts is not None  # noqa: S101
    paths = dict.fromkeys(path for each in (new, old) if each for path in each.files)
    found = [states[path] for path in paths]
    kinds = {each.work for each in found}
    if not kinds <= _TOGETHER:
        return None
    head = _version(old, {each.path: each.head for each in found})
    indexed = _version(new, {each.path: each.indexed for each in found})
    there = {each.path: each.worked for each in found if each.work is not WorkState.REMOVED}
    worked = _version(new, {path: manifest for path, manifest in there.items() if manifest})
    if new and any(states[path].work is WorkState.MODIFIED and not there[path] for path in new.files):
        return None
    try:
        staged = model_diff(head, indexed)
        changes = _changes(indexed, worked, kinds)
    except UsageError:
        # They're shards of different models.
        return None
    state = FileState(
        parts.name,
        staged or None,
        _work(kinds),
        changes or None,
        sum(each.missing for each in found),
        sum(each.borrowed for each in found),
    )
    return ModelState(state, parts, tuple(_notes(repository, parts, indexed)))


def _changes(indexed: ModelVersion | None, worked: ModelVersion | None, kinds: set[WorkState]) -> Diff | None:
    """The changes of the work tree since the index; `None` if there's nothing to compare."""
    if WorkState.PENDING in kinds or worked is None or indexed is None:
        return None
    return model_diff(indexed, worked)


def _work(kinds: set[WorkState]) -> WorkState:
    """The state of the work tree, for those of the shards."""
    kinds = kinds - {WorkState.REMOVED} or kinds
    if len(kinds) == 1:
        return next(iter(kinds))
    return WorkState.PENDING if WorkState.PENDING in kinds else WorkState.MODIFIED


def _version(parts: ModelParts | None, manifests: Mapping[str, Manifest | None]) -> ModelVersion | None:
    """The version of a model with those of its files that are there; `None` if none is."""
    pairs = [(path, manifest) for path in (parts.files if parts else ()) if (manifest := manifests.get(path))]
    if not parts or not pairs:
        return None
    files = tuple(path for path, _ in pairs)
    return ModelVersion(ModelParts(parts.name, files, parts.index), tuple(manifest for _, manifest in pairs))


def _notes(repository: Repository, parts: ModelParts, indexed: ModelVersion | None) -> Iterator[str]:
    """Problems of the index of the shards."""
    number = shard_number(parts.files[0].rpartition("/")[2])
    if number and parts.name.rpartition("/")[2] == number.pattern:
        yield f"{number.model} is also there as one file, or in another number of shards; keep one: git rm"
    if parts.problem:
        yield parts.problem
    elif indexed and parts.index:
        yield from _stale(repository.git, parts.index, indexed)
    elif indexed:
        yield from _not_added(repository.git, parts)


def _stale(git: Git, index: str, version: ModelVersion) -> Iterator[str]:
    """A sentence if an index of Git's index isn't true of the shards there, or lacks parameters."""
    with Blobs(git.cwd) as blobs:
        data = blobs.read(f":{index}", MAX_INDEX) or b""
    wrong = _wrong(data, index, version)
    if wrong:
        try:
            fixed = not _wrong(read_small_file(git.path(index), MAX_INDEX), index, version)
        except UsageError:
            fixed = False
        how = f"the one in the work tree is right: git add {index}" if fixed else "write it anew, and add it"
        yield f"{index} isn't right for the shards that are staged: {wrong}; {how}"


def _wrong(data: bytes, index: str, version: ModelVersion) -> str:
    try:
        parsed = parse_index(data, index)
    except UsageError as error:
        return error.message
    claims = false_claims(parsed, version.places)
    if claims:
        return claims[0]
    unlisted = unlisted_parameters(parsed, version.places)
    return f"it doesn't list {unlisted[0]!r}" if unlisted else ""


def _not_added(git: Git, parts: ModelParts) -> Iterator[str]:
    """A sentence if the work tree has an index of the shards that Git doesn't have."""
    folder = os.path.dirname(parts.files[0])
    try:
        names = [name for name in os.listdir(git.path(folder or ".")) if is_index_name(name)]
    except OSError:
        return
    files = [os.path.basename(path) for path in parts.files]
    place = git.path(folder or ".")
    models = group_folder(files, names, lambda name: read_small_file(os.path.join(place, name), MAX_INDEX))
    for model in models:
        if model.index and set(model.files) == set(files):
            path = f"{folder}/{model.index}" if folder else model.index
            yield f"{path} lists the shards, and isn't in Git: git add {path}"
