"""The models in the folders of a version: of a revision, of the index, or of the work tree."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.folder_files import ListedFile, folder_files
from git_theta.sharding.grouping import group_folder
from git_theta.sharding.index_file import MAX_INDEX, is_index_name, parse_index
from git_theta.sharding.parts import ModelParts
from git_theta.small_file import read_small_file


@dataclass(frozen=True, slots=True)
class FolderModels:
    """The models of a folder.

    Attributes:
        models: The models by name.
        files: The files of the folder, by path.
    """

    models: Mapping[str, ModelParts]
    files: Mapping[str, ListedFile]


@dataclass(frozen=True, slots=True)
class ComparedVersion:
    """The files of a version.

    Attributes:
        git: Git in the repository.
        rev: A revision, or the id of a tree; `None` for the index, and for the work tree.
        root: The top of the work tree, if that's the version.
        changed: Paths of files of the work tree that differ from the index, as far as that's known.
    """

    git: Git
    rev: str | None
    root: Path | None = None
    changed: Collection[str] = ()

    def models(self, folder: str) -> FolderModels:
        """The models of a folder, whose path is from the top."""
        prefix = f"{folder}/" if folder else ""
        files = folder_files(self.git, self.rev, folder)
        if self.root is not None:
            files = self._in_work_tree(self.root / folder, prefix, files)
        indexes = [name for name in files if is_index_name(name)]
        with Blobs(self.git.cwd) as blobs:
            found = group_folder(
                [name for name in files if not is_index_name(name)],
                indexes,
                partial(self._read, blobs, prefix),
            )
        models = (each.inside(folder) for each in found if each.files)
        return FolderModels(
            {each.name: each for each in models}, {f"{prefix}{name}": file for name, file in files.items()}
        )

    def index_folders(self) -> set[str]:
        """The folders that have a file named like an index of shards."""
        specs = ("--", ":(top,glob)**/*.index*.json")
        if self.rev is None:
            listing = self.git.run("ls-files", "-z", "--full-name", *specs)
        else:
            empty = self.git.line("hash-object", "-t", "tree", os.devnull)
            listing = self.git.run("diff-tree", "-r", "-z", "--name-only", empty, self.rev, *specs)
        return {os.path.dirname(os.fsdecode(path)) for path in listing.split(b"\0") if path}

    def _in_work_tree(
        self, place: Path, prefix: str, indexed: Mapping[str, ListedFile]
    ) -> dict[str, ListedFile]:
        """Files of the index that are there; and shards that an index of the work tree lists beside these."""
        names = {name: file for name, file in indexed.items() if os.path.lexists(place / name)}
        for index in [name for name in names if is_index_name(name)]:
            with suppress(UsageError):
                shards = parse_index(read_small_file(place / index, MAX_INDEX), index).shards
                new = (name for name in shards if name not in names and (place / name).is_file())
                names |= {name: ListedFile("100644", "") for name in new}
        return {
            name: ListedFile(file.mode, "") if f"{prefix}{name}" in self.changed else file
            for name, file in names.items()
        }

    def _read(self, blobs: Blobs, prefix: str, name: str) -> bytes | None:
        if self.root is not None:
            return read_small_file(self.root / f"{prefix}{name}", MAX_INDEX)
        return blobs.read(f"{self.rev or ''}:{prefix}{name}", MAX_INDEX)
