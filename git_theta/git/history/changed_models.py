"""Which models of several files differ between two versions: their files are told together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from git_theta.git.history.changed_files import ChangedFile
from git_theta.git.history.compared_versions import ComparedVersion, FolderModels
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.folder_files import ListedFile
from git_theta.sharding.grouping import may_be_shard
from git_theta.sharding.parts import ModelParts


@dataclass(frozen=True, slots=True)
class ChangedModel:
    """A model that differs between two versions, and has several files in one of them at least.

    Attributes:
        old: Its old files; `None` if it's new.
        new: Its new files; `None` if it was removed.
        old_blobs: The old files by path.
        new_blobs: The new files by path.
        changed: The files that differ according to Git.
    """

    old: ModelParts | None
    new: ModelParts | None
    old_blobs: Mapping[str, ListedFile]
    new_blobs: Mapping[str, ListedFile]
    changed: tuple[ChangedFile, ...] = ()

    @property
    def name(self) -> str:
        """The path that the model has as one file."""
        parts = self.new or self.old
        return parts.name if parts else ""


#: So many folders are looked into without asking first which may have shards.
_LOOKED_INTO = 4

#: Lists the files that differ in some folders.
ListChanged = Callable[[Sequence[str]], Sequence[ChangedFile]]


def changed_models(
    found: Sequence[ChangedFile],
    old: ComparedVersion,
    new: ComparedVersion,
    everything: ListChanged | None = None,
) -> list[ChangedFile | ChangedModel]:
    """The changed files, where those of a model of several files are one item.

    A model of which other files changed, too, that aren't asked for, is left as single files.

    Args:
        found: The changed files.
        old: The old version.
        new: The new version.
        everything: Lists all changed files of folders; `None` if `found` has all of them.
    """
    pairs = list(_pairs(found, old, new))
    if everything and pairs:
        known = {path for item in found for path in (item.old_path, item.new_path)}
        folders = sorted({os.path.dirname(path) for pair in pairs for path in _paths(pair)})
        others = {path for item in everything(folders) for path in (item.old_path, item.new_path)} - known
        pairs = [pair for pair in pairs if not others & _paths(pair)]
    conflicts = {item.old_path for item in found if item.in_conflict}
    pair_of = {path: pair for pair in pairs if not conflicts & _paths(pair) for path in _paths(pair)}
    told: set[str] = set()
    items: list[ChangedFile | ChangedModel] = []
    for item in found:
        pair = pair_of.get(item.new_path) or pair_of.get(item.old_path)
        if pair is None:
            items.append(item)
        elif pair.name not in told:
            told.add(pair.name)
            items.append(pair)
    return items


def shard_pathspecs(git: Git, paths: Sequence[str], revs: Sequence[str]) -> list[str]:
    """Pathspecs, where the index of a model's shards, or the path of the model, stands for the shards.

    Args:
        git: Git in the user's folder.
        paths: Pathspecs.
        revs: The revisions that are compared; the index counts as well.
    """
    inside = git.line("rev-parse", "--is-inside-work-tree") == "true"
    prefix = git.line("rev-parse", "--show-prefix") if inside else ""
    found: list[str] = []
    for path in paths:
        full = os.path.normpath(os.path.join(prefix, path))
        files: list[str] = []
        for rev in (None, *revs):
            models = ComparedVersion(git, rev).models(os.path.dirname(full)).models.values()
            files += [
                file
                for model in models
                if model.is_sharded and full in (model.name, model.index)
                for file in model.files
            ]
        found += [path, *(f":(top,literal){file}" for file in dict.fromkeys(files))]
    return found


def _paths(model: ChangedModel) -> set[str]:
    return {path for parts in (model.old, model.new) if parts for path in parts.files}


def _pairs(
    found: Sequence[ChangedFile], old: ComparedVersion, new: ComparedVersion
) -> Iterator[ChangedModel]:
    """The models of several files that the changed files belong to."""
    before: dict[str, FolderModels] = {}
    after: dict[str, FolderModels] = {}
    paths = [path for item in found for path in (item.old_path, item.new_path)]
    folders = {os.path.dirname(path) for path in paths}
    if len(folders) > _LOOKED_INTO:
        listed = old.index_folders() | new.index_folders()
        folders &= {os.path.dirname(path) for path in paths if may_be_shard(path)} | listed
    for folder in sorted(folders):
        before[folder], after[folder] = old.models(folder), new.models(folder)
    old_models = {name: model for each in before.values() for name, model in each.models.items()}
    new_models = {name: model for each in after.values() for name, model in each.models.items()}
    old_blobs = {path: blob for each in before.values() for path, blob in each.files.items()}
    new_blobs = {path: blob for each in after.values() for path, blob in each.files.items()}
    renamed = dict(_renamed(found, old_models, new_models))
    gone = set(renamed.values())
    for name in sorted({*old_models, *new_models} - gone):
        then, now = old_models.get(renamed.get(name, name)), new_models.get(name)
        if not any(parts and parts.is_sharded for parts in (then, now)):
            continue
        files = [set(parts.files) if parts else set() for parts in (then, now)]
        changed = tuple(each for each in found if each.old_path in files[0] or each.new_path in files[1])
        if changed:
            yield ChangedModel(then, now, old_blobs, new_blobs, changed)


def _renamed(
    found: Sequence[ChangedFile], old: Mapping[str, ModelParts], new: Mapping[str, ModelParts]
) -> Iterator[tuple[str, str]]:
    """New and old name of models of which Git found that files were renamed."""
    homes = {file: parts.name for parts in old.values() if parts.name not in new for file in parts.files}
    for name, parts in new.items():
        if name in old or not parts.is_sharded:
            continue
        files = set(parts.files)
        sources = [
            homes[item.old_path] for item in found if item.new_path in files and item.old_path in homes
        ]
        if sources:
            yield name, max(sources, key=sources.count)
