"""Values at hand: those of the version that the work tree has needn't be decoded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from git_theta.clean import same_content
from git_theta.errors import ThetaError
from git_theta.git.plumbing.work_file import WorkFile
from git_theta.git.worktree.known_files import KnownFiles
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Manifest
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore

#: Gives the bytes of a value where they can be had as they are.
AtHand = Callable[[Entry], memoryview | None]


def at_hand(store: LocalStore, known_files: KnownFiles, file: WorkFile | None, manifest: Manifest) -> AtHand:
    """The values of a file of the work tree, if that's known to be a version; each is checked when it's read.

    Args:
        store: The repository's objects.
        known_files: Files whose manifest is known without reading them.
        file: The file, which must stay open as long as values are read.
        manifest: The version that it may be.
    """
    found = known_files.manifest(file)
    if file is None or found is None or not same_content(found, manifest):
        return _nothing
    places = {}
    with suppress(ThetaError):
        entries = manifest.by_name
        for place in Smudger(store).layout(manifest).placements:
            if place.strides is None and not place.big_endian and place.name in entries:
                places[entries[place.name].digest] = place.offset
    data = file.data

    def value(entry: Entry) -> memoryview | None:
        offset = places.get(entry.digest)
        if offset is None:
            return None
        view = data[offset : offset + entry.spec.nbytes]
        return view if digest(view) == entry.digest else None

    return value


def _nothing(_entry: Entry) -> memoryview | None:
    return None
