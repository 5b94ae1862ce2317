"""Parts of a manifest as merges see them: parameters, the structure around them, and a key of the whole."""

from __future__ import annotations

from collections.abc import Hashable

from git_theta.formats.split import STRETCH
from git_theta.merging.outcome import content_key
from git_theta.model.manifest import Entry, Manifest


def parameter_entries(manifest: Manifest | None) -> tuple[Entry, ...]:
    """The parameters that are merged one by one."""
    if manifest is None:
        return ()
    return tuple([entry for entry in manifest.entries if not entry.name.startswith(STRETCH)])


def structure_entries(manifest: Manifest | None) -> tuple[Entry, ...]:
    """The layout and the stretches of bytes between parameters: everything but parameters."""
    return (manifest.layout, *filter(_is_stretch, manifest.entries)) if manifest else ()


def file_key(manifest: Manifest | None) -> Hashable:
    """Equal for manifests that rebuild the same file."""
    if manifest is None:
        return None
    keys = tuple((entry.name, content_key(entry)) for entry in manifest.all_entries())
    return manifest.format, manifest.size, keys


def _is_stretch(entry: Entry) -> bool:
    return entry.name.startswith(STRETCH)
