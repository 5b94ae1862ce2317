"""Values of the version that the work tree has: they are in a mapped file, and needn't be decoded."""

from __future__ import annotations

from contextlib import suppress

from git_theta.clean import same_content
from git_theta.errors import ThetaError
from git_theta.git.plumbing.work_file import WorkFile
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.merging.combine import ReadMapped
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore


def worktree_values(
    store: LocalStore, known_files: KnownFiles, file: WorkFile | None, manifest: Manifest
) -> ReadMapped:
    """The values of a file of the work tree, if it's known to be a version; each is checked when it's read.

    Args:
        store: The repository's objects.
        known_files: Files whose manifest is known without reading them.
        file: The file, which must stay open as long as values are read.
        manifest: The version that it may be.
    """
    found = known_files.manifest(file)
    if file is None or found is None or not same_content(found, manifest):
        return lambda _entry: None
    data, offsets = file.data, _offsets(store, manifest)

    def value(entry: Entry) -> memoryview | None:
        offset = offsets.get(entry.digest)
        if offset is None:
            return None
        view = data[offset : offset + entry.spec.nbytes]
        return view if digest(view) == entry.digest else None

    return value


def _offsets(store: LocalStore, manifest: Manifest) -> dict[str, int]:
    """Digest → offset in the file, of each value that is C-contiguous and little-endian there."""
    offsets = {}
    with suppress(ThetaError):
        entries = manifest.by_name
        for place in Smudger(store).layout(manifest).placements:
            if place.strides is None and not place.big_endian and place.name in entries:
                offsets[entries[place.name].digest] = place.offset
    return offsets
