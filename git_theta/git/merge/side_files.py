"""Side files that merge strategies read: a checkpoint for each model, such as its Fisher information."""

from __future__ import annotations

import os
from functools import partial
from threading import Lock
from typing import Protocol

from git_theta.checkpoint_file import CheckpointFile, read_checkpoint
from git_theta.encoding.decode import read_value
from git_theta.errors import UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import MAX_TEXT_BYTES, parse_if_manifest
from git_theta.model.tensor import TensorSpec
from git_theta.store.local import LocalStore
from git_theta.updates.base import Input, Pieces


class _Parameters(Protocol):
    """The parameters of a checkpoint."""

    def get(self, name: str) -> tuple[TensorSpec, Input] | None:
        """Dtype, shape and bytes of a parameter; `None` if the checkpoint doesn't have it."""
        ...


class SideFiles:
    """Reads parameters of checkpoints: of the file in the work tree, or else of its version in HEAD.

    Each file is opened once, and only the parameters that are asked for are read. Threads may share one.

    Args:
        repository: The repository, with Git at the top of its work tree.
    """

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._files: dict[str, _Parameters] = {}
        self._turn = Lock()

    def __call__(self, path: str, name: str) -> tuple[TensorSpec, Input]:
        """Dtype, shape and bytes of a parameter.

        Args:
            path: Path of the file, from the top of the work tree.
            name: Name of the parameter.

        Raises:
            UsageError: The file isn't a checkpoint, doesn't exist, or doesn't have the parameter.
        """
        with self._turn:
            file = self._files.get(path) or self._files.setdefault(path, self._open(path))
        found = file.get(name)
        if found is None:
            raise UsageError(
                f"{path} has no parameter {name!r}", "it needs those of the model, by the same names"
            )
        return found

    def _open(self, path: str) -> _Parameters:
        with work_file(os.path.realpath(self._repository.git.path(path))) as file:
            data = file.data if file else None
        manifest = self._committed(path) if data is None else parse_if_manifest(data)
        if manifest is None:
            assert data is not None  # noqa: S101
            opened = read_checkpoint(
                data, self._repository.store.temporary_file, neighbours=file.neighbours if file else None
            )
            if opened.opaque:
                raise UsageError(f"{path} isn't a checkpoint of a format that has parameters", opened.note)
            return _InFile(opened)
        ensure_values(self._repository, manifest.all_entries())
        return _InStore(manifest, self._repository.store)

    def _committed(self, path: str) -> Manifest:
        with Blobs(self._repository.git.cwd) as blobs:
            text = blobs.read(f"HEAD:{os.path.normpath(path)}", MAX_TEXT_BYTES)
        manifest = None if text is None else parse_if_manifest(text)
        if manifest is None:
            raise UsageError(
                f"{path} isn't a file in the work tree, nor a tracked checkpoint in HEAD",
                "name it from the top of the work tree",
            )
        return manifest


class _InFile:
    def __init__(self, file: CheckpointFile) -> None:
        self._file = file

    def get(self, name: str) -> tuple[TensorSpec, Input] | None:
        tensor = self._file.tensors.get(name)
        return (tensor.spec, partial(self._value, name)) if tensor else None

    def _value(self, name: str, _nbytes: int) -> Pieces:
        yield self._file.value(name)


class _InStore:
    def __init__(self, manifest: Manifest, store: LocalStore) -> None:
        self._entries = manifest.by_name
        self._store = store

    def get(self, name: str) -> tuple[TensorSpec, Input] | None:
        entry = self._entries.get(name)
        return (entry.spec, lambda _nbytes: read_value(entry, self._store)) if entry else None
