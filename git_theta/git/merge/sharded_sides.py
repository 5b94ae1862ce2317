"""Models that the sides of a merge sharded in different ways, so that Git can't merge them file by file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from git_theta.errors import GitError, UsageError
from git_theta.git.history.compared_versions import ComparedVersion, FolderModels
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, valid_manifest
from git_theta.sharding.grouping import may_be_shard
from git_theta.sharding.index_file import MAX_INDEX
from git_theta.sharding.joined import ModelVersion

#: Files in Git's folder that have the commit that an operation merges or applies; the first one counts.
_HEADS = ("CHERRY_PICK_HEAD", "REVERT_HEAD", "MERGE_HEAD", "REBASE_HEAD")


@dataclass(frozen=True, slots=True)
class MergedCommits:
    """The commits that an operation merges, by their ids.

    Attributes:
        base: The merge base, or the parent of a commit that is picked; `None` if there's none.
        ours: HEAD.
        theirs: The commit that is merged or picked; of one that is reverted, its parent.
    """

    base: str | None
    ours: str
    theirs: str


@dataclass(frozen=True)
class SideVersion:
    """A side's version of a model.

    Attributes:
        model: Its files and their manifests.
        oids: The blob of each file.
        index: The bytes of the index of the shards; `None` if there's none.
    """

    model: ModelVersion
    oids: tuple[str, ...]
    index: bytes | None

    def places(self) -> dict[str, str]:
        """Name of each parameter → path of the file that has it."""
        pairs = zip(self.model.parts.files, self.model.manifests, strict=True)
        return {entry.name: file for file, manifest in pairs for entry in parameter_entries(manifest)}


@dataclass(frozen=True)
class ShardedSides:
    """A model that the sides sharded in different ways.

    Attributes:
        base: The version of the merge base; `None` if it doesn't have the model.
        ours: Our version.
        theirs: Their version.
    """

    base: SideVersion | None
    ours: SideVersion
    theirs: SideVersion

    @property
    def name(self) -> str:
        """The path that the model has as one file."""
        return self.ours.model.parts.name

    @property
    def title(self) -> str:
        """The name, with the number of our shards."""
        return self.ours.model.parts.title

    @property
    def versions(self) -> list[SideVersion]:
        """The versions that there are."""
        return [*([self.base] if self.base else []), self.ours, self.theirs]

    @property
    def paths(self) -> set[str]:
        """Paths of all files of all versions, with those of the indexes."""
        parts = [version.model.parts for version in self.versions]
        return {path for each in parts for path in (*each.files, *([each.index] if each.index else []))}

    def is_named_by(self, path: str) -> bool:
        """Whether a path from the top stands for the model: a file of it, its name, or a folder above it."""
        folder = "" if path in ("", ".") else f"{path.rstrip('/')}/"
        return path == self.name or path in self.paths or self.name.startswith(folder)


def commits_of_conflict(repository: Repository) -> MergedCommits | None:
    """The commits of the operation that a conflict stopped; `None` if its files don't tell them."""
    git, heads = repository.git, _heads(repository)
    with suppress(GitError):
        ours = git.line("rev-parse", "-q", "--verify", "HEAD^{commit}")
        # A rebase that makes a merge again has the heads of both.
        name = next((name for name in _HEADS if name in heads), None)
        if name == "MERGE_HEAD":
            return MergedCommits(_merge_base(git, ours, heads[name]), ours, heads[name])
        if name:
            parent = git.line("rev-parse", "-q", "--verify", f"{heads[name]}^")
            base, theirs = (heads[name], parent) if name == "REVERT_HEAD" else (parent, heads[name])
            return MergedCommits(base, ours, theirs)
    return None


def sharded_sides(git: Git, commits: MergedCommits) -> list[ShardedSides]:
    """The models that both sides changed, and sharded in different ways, by name.

    Args:
        git: Git at the top of the work tree.
        commits: The commits to merge.

    Raises:
        UsageError: Shards of a version aren't whole, or aren't of one model.
    """
    base = commits.base or git.line("hash-object", "-t", "tree", os.devnull)
    changed = [_changed(git, base, side) for side in (commits.ours, commits.theirs)]
    folders = [{os.path.dirname(path) for path in paths} for paths in changed]
    # A model that's sharded anew has other shards, or another index.
    anew = {os.path.dirname(path) for paths in changed for path in paths if may_be_shard(path)}
    found = []
    with Blobs(git.cwd) as blobs:
        for folder in sorted(folders[0] & folders[1] & anew):
            sides = [ComparedVersion(git, rev).models(folder) for rev in (base, commits.ours, commits.theirs)]
            found += list(_in_folder(blobs, sides))
    return found


def _in_folder(blobs: Blobs, sides: Sequence[FolderModels]) -> Iterator[ShardedSides]:
    names = sides[1].models.keys() & sides[2].models.keys()
    for name in sorted(names):
        parts = [side.models.get(name) for side in sides]
        if not any(each and each.is_sharded for each in parts):
            continue
        oids = [
            {path: side.files[path].oid for path in each.files} if each else {}
            for each, side in zip(parts, sides, strict=True)
        ]
        if oids[0] in oids[1:] or oids[1] == oids[2]:
            continue  # only one side changed the model, or both in the same way
        base, ours, theirs = (_version(blobs, side, name) for side in sides)
        if ours and theirs and _differ(ours.places(), theirs.places()):
            yield ShardedSides(base, ours, theirs)


def _differ(ours: Mapping[str, str], theirs: Mapping[str, str]) -> bool:
    """Whether a parameter that both sides have is in another file on each."""
    return any(theirs[name] != file for name, file in ours.items() if name in theirs)


def _version(blobs: Blobs, side: FolderModels, name: str) -> SideVersion | None:
    parts = side.models.get(name)
    if parts is None:
        return None
    if parts.problem:
        raise UsageError(parts.problem, "a merge needs whole models")
    oids = tuple(side.files[path].oid for path in parts.files)
    manifests: list[Manifest] = []
    for oid in oids:
        manifest = valid_manifest(blobs.read(oid, MAX_TEXT_BYTES))
        if manifest is None:
            return None
        manifests.append(manifest)
    model = ModelVersion(parts, tuple(manifests))
    _ = model.homes  # fails if a parameter is in two shards
    index = blobs.read(side.files[parts.index].oid, MAX_INDEX) if parts.index else None
    return SideVersion(model, oids, index)


def _changed(git: Git, old: str, new: str) -> list[str]:
    listing = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new)
    return [os.fsdecode(path) for path in listing.split(b"\0") if path]


def _heads(repository: Repository) -> dict[str, str]:
    found = {}
    for name in _HEADS:
        with suppress(OSError, IndexError):
            found[name] = (repository.git_dir / name).read_text().split()[0]
    return found


def _merge_base(git: Git, ours: str, theirs: str) -> str | None:
    words = ("merge-base", ours, theirs)
    return git.line(*words).partition("\n")[0] if git.ok(*words) else None
