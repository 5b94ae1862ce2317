"""Models of the index and of revisions: one checkpoint, or all shards that belong together.

Commands take the path of a checkpoint; or, for the model of all shards, that of their index, their folder, or
the path that the model would have as one file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from git_theta.errors import UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.folder_files import folder_files
from git_theta.git.repository.revspec import parsed_version, prefix_of, unknown_version, version_names
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, is_manifest
from git_theta.sharding.grouping import group_files, group_folder, main_model
from git_theta.sharding.index_file import MAX_INDEX, WHOLE_MODEL, check_index, is_index_name, parse_index
from git_theta.sharding.joined import ModelVersion, version_of
from git_theta.sharding.parts import ModelParts


def find_model(git: Git, name: str) -> ModelVersion:
    """A version of a model.

    Args:
        git: Git in the user's folder.
        name: `PATH`, `REV:PATH` or `:PATH`, as for `find_manifest`; the path is that of a checkpoint, of an
            index of shards, or of a folder with one model, or that of the model as one file.

    Raises:
        UsageError: There's no such version, it isn't a tracked checkpoint, or its shards aren't whole.
        ManifestError: A manifest is damaged.
    """
    with Blobs(git.cwd) as blobs:
        for candidate in version_names(prefix_of(git), name):
            tree = _TreeModels(git, blobs, candidate.partition(":")[0])
            found = tree.model(candidate.partition(":")[2], name)
            if found:
                return found
    raise unknown_version(git, name)


def model_of_folder(git: Git, rev: str, folder: str) -> ModelParts | None:
    """The files of the model of a folder in a revision; `None` if there's no such folder.

    Raises:
        UsageError: The folder has no model, or several.
    """
    with Blobs(git.cwd) as blobs:
        return _TreeModels(git, blobs, rev).of_folder(folder, folder or ".")


def group_models(git: Git, checkpoints: Iterable[str], rev: str | None = None) -> list[ModelParts]:
    """The models that checkpoints of a version make up, in the order of their names.

    Args:
        git: Git in the repository.
        checkpoints: Their paths, from the top.
        rev: A revision; `None` for the index.
    """
    with Blobs(git.cwd) as blobs:
        names = index_paths(git, rev)
        return group_files(checkpoints, names, lambda path: blobs.read(f"{rev or ''}:{path}", MAX_INDEX))


def index_paths(git: Git, rev: str | None = None) -> list[str]:
    """Paths of files that are named like an index of shards, from the top.

    Args:
        git: Git in the repository.
        rev: A revision; `None` for the index.
    """
    if rev is None:
        listing = git.run("ls-files", "-z", "--full-name", "--", ":(top,glob)**/*.index*.json")
    else:
        listing = git.run("ls-tree", "-r", "-z", "--full-tree", "--name-only", rev)
    names = (os.fsdecode(name) for name in listing.split(b"\0") if name.endswith(b".json"))
    return sorted({name for name in names if is_index_name(name)})


class _TreeModels:
    """The models of one revision, or of the index.

    Args:
        git: Git in the repository.
        blobs: Reads blobs.
        rev: The revision; empty for the index.
    """

    def __init__(self, git: Git, blobs: Blobs, rev: str) -> None:
        self._git = git
        self._blobs = blobs
        self._rev = rev

    def model(self, path: str, name: str) -> ModelVersion | None:
        """The model at a path from the top; `None` if there's nothing. `name` is for messages.

        Raises:
            UsageError, ManifestError: As for `find_model`.
        """
        path = path.rstrip("/")
        blob = self._read(path)
        if blob is not None and (is_manifest(blob) or not is_index_name(path)):
            return version_of(path, parsed_version(blob, name))
        folder, _, own = path.rpartition("/")
        if blob is not None:
            models = [each for each in self._models(folder) if each.index == own]
            if not models:
                raise UsageError(f"{name} lists shards that another index lists, too", "name that one")
            return self._version(models[0].inside(folder))
        path = "" if path == "." else path
        parts = self.of_folder(path, name)
        if parts:
            return self._version(parts)
        for each in self._models(folder):
            if each.is_sharded and own == each.name:
                return self._version(each.inside(folder))
        return None

    def of_folder(self, folder: str, name: str) -> ModelParts | None:
        """The files of the model of a folder; `None` if there's no such folder. `name` is for messages.

        Raises:
            UsageError: The folder has no model, or several.
        """
        if not self._names(folder):
            return None
        found = [each for each in self._models(folder) if self._has_manifest(each.inside(folder))]
        return main_model(found, name).inside(folder)

    def _version(self, parts: ModelParts) -> ModelVersion:
        if parts.problem:
            raise UsageError(parts.problem, WHOLE_MODEL)
        version = ModelVersion(parts, tuple(map(self._manifest, parts.files)))
        if parts.index:
            data = self._blobs.read(f"{self._rev}:{parts.index}", MAX_INDEX) or b""
            check_index(parse_index(data, parts.index), version.places, parts.index)
        return version

    def _manifest(self, path: str) -> Manifest:
        return parsed_version(self._read(path) or b"", path)

    def _has_manifest(self, parts: ModelParts) -> bool:
        return any(is_manifest(self._read(path) or b"") for path in parts.files) or not parts.files

    def _read(self, path: str) -> bytes | None:
        return self._blobs.read(f"{self._rev}:{path}", MAX_TEXT_BYTES)

    def _models(self, folder: str) -> list[ModelParts]:
        names = self._names(folder)
        prefix = f"{folder}/" if folder else ""
        checkpoints = [name for name in names if not is_index_name(name)]
        indexes = [name for name in names if is_index_name(name)]
        return group_folder(
            checkpoints, indexes, lambda name: self._blobs.read(f"{self._rev}:{prefix}{name}", MAX_INDEX)
        )

    def _names(self, folder: str) -> list[str]:
        return sorted(folder_files(self._git, self._rev or None, folder))
