"""Versions of a file as its format's plugin compares and merges them: without the values of parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from git_theta.formats.base import FileVersion
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import content_key
from git_theta.model.manifest import Manifest
from git_theta.smudge import Smudger
from git_theta.store.local import LocalStore

#: Reads a version of a file without the values of its parameters.
ReadVersion = Callable[[Manifest], FileVersion]


def stored_version(manifest: Manifest, store: LocalStore) -> FileVersion:
    """A version of a file without the values of its parameters, from a store.

    Raises:
        ThetaError: Its layout or a stretch can't be read.
    """
    smudger = Smudger(store)
    return FileVersion(smudger.layout(manifest), smudger.skeleton(manifest))


def with_contents(manifest: Manifest, version: ReadVersion) -> FileVersion:
    """A version with the contents of its parameters, for comparisons; errors are those of `version`."""
    found = version(manifest)
    if found.contents:
        return found
    contents = {entry.name: content_key(entry) for entry in parameter_entries(manifest)}
    return replace(found, contents=contents)


def read_once(version: ReadVersion) -> ReadVersion:
    """A reader that reads each version once, with the contents of its parameters."""
    known: dict[int, tuple[Manifest, FileVersion]] = {}

    def read(manifest: Manifest) -> FileVersion:
        if id(manifest) not in known:
            known[id(manifest)] = manifest, with_contents(manifest, version)
        return known[id(manifest)][1]

    return read
