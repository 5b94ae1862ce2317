"""The smudge filter: a manifest that Git stores → its file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from git_theta.errors import ManifestError
from git_theta.git.plumbing.notices import note
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_if_manifest

if TYPE_CHECKING:
    from git_theta.git.repository.repository import Repository
    from git_theta.git.worktree.known_files import KnownFiles


def manifest_to_smudge(data: memoryview, path: str | None) -> Manifest | None:
    """The manifest that content from Git is, or `None` if it should be passed on as it is.

    Raises:
        ManifestError: It's a manifest of a version that this git-theta doesn't know.
    """
    try:
        return parse_if_manifest(data)
    except ManifestError as error:
        if error.hint:
            raise
        note(f"{path}: a manifest that isn't valid is left as text ({error.message})")
        return None


def smudge(
    repository: Repository,
    known_files: KnownFiles,
    manifest: Manifest,
    handle: int,
    progress: Callable[[int], object] = lambda _count: None,
) -> None:
    """Write a manifest's file, and note how its values are stored and what they resemble.

    Args:
        repository: The repository, whose store has all objects.
        known_files: Remembers the manifest.
        manifest: The manifest.
        handle: An empty file, readable and writable.
        progress: Called with the number of bytes of each finished parameter.

    Raises:
        ThetaError: See `Smudger.smudge`.
    """
    from git_theta.sketches.passing_values import PassingValues
    from git_theta.smudge import Smudger

    values = PassingValues()
    threads = repository.settings.thread_count
    Smudger(repository.store.kept_open, threads, progress, values.watch).smudge(manifest, handle)
    known_files.remember(manifest)
    values.keep(known_files.search)


def read_pieces(handle: int, size: int = 1 << 20) -> Iterator[memoryview]:
    """A descriptor's bytes to its end, through one reused buffer of `size` bytes."""
    buffer = memoryview(bytearray(size))
    while count := os.readv(handle, [buffer]):
        yield buffer[:count]


def file_pieces(handle: int) -> Iterator[memoryview]:
    """A file's bytes from its beginning, through one reused buffer."""
    os.lseek(handle, 0, os.SEEK_SET)
    yield from read_pieces(handle)
