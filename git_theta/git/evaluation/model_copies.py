"""Scratch copies of models: folders with a model's files, and the small files that belong to them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Lock

from git_theta.errors import ThetaError, full_disk_hint
from git_theta.git.evaluation.scratch import remove
from git_theta.git.evaluation.shared_files import SharedFiles
from git_theta.git.evaluation.tested_version import TestedVersion
from git_theta.git.remote.fetch import ensure_values
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Manifest
from git_theta.smudge import Smudger


class ModelCopies:
    """Makes copies, for several threads.

    Args:
        repository: The repository.
        folder: An empty folder, which others don't use.
        threads: The number of parameters to decode at once.
    """

    def __init__(self, repository: Repository, folder: Path, threads: int) -> None:
        self._repository = repository
        self._folder = folder
        shared = folder / "files"
        shared.mkdir()
        self._files = SharedFiles(shared, Smudger(repository.store, threads))
        self._numbers = count(1)
        self._fetching = Lock()

    def expect(self, versions: Iterable[TestedVersion]) -> None:
        """Keep files that some of these versions have in common, until each version was copied once."""
        self._files.expect(manifest for version in versions for manifest in version.files.values())

    @contextmanager
    def empty_folder(self) -> Iterator[Path]:
        """A new folder, which is removed afterwards."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        try:
            yield folder
        finally:
            remove(folder)

    @contextmanager
    def copy(self, version: TestedVersion) -> Iterator[Path]:
        """The file of a version's copy, or its folder if it has several; removed afterwards.

        Raises:
            ThetaError: Objects can't be fetched, are damaged, or the disk is full.
        """
        self._fetch(version.files.values())
        with self.empty_folder() as folder:
            try:
                for name, manifest in version.files.items():
                    self._files.put(manifest, folder / name)
                write_beside(folder, version.beside)
            except OSError as error:
                raise ThetaError(
                    f"no copy of {version.name} can be written: {error.strerror}", full_disk_hint(error)
                ) from error
            yield folder if version.is_sharded else folder / next(iter(version.files))

    @contextmanager
    def linked(self, version: TestedVersion, place: Path) -> Iterator[Path]:
        """As `copy`, of files that are there: a file, or a folder with them."""
        with self.empty_folder() as folder:
            for name in version.files:
                target = place / name if place.is_dir() else place
                (folder / name).symlink_to(target.resolve())
            write_beside(folder, version.beside)
            yield folder if version.is_sharded else folder / next(iter(version.files))

    def _fetch(self, manifests: Iterable[Manifest]) -> None:
        # One fetch for an object that several models need.
        with self._fetching:
            ensure_values(self._repository, (entry for each in manifests for entry in each.all_entries()))


def write_beside(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write small files into a folder, unless it has some of these names."""
    for name, data in files.items():
        if not os.path.lexists(folder / name):
            (folder / name).write_bytes(data)
