"""One version of a merged file: a manifest, or a file that Git stores as a whole."""

from __future__ import annotations

from git_theta.errors import ManifestError
from git_theta.git.worktree.cleaners import Cleaners
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_if_manifest


def manifest_of(cleaners: Cleaners, path: str, text: bytes) -> Manifest | None:
    """The manifest of a version; `None` for an empty version. A file that Git stores as a whole is cleaned.

    Args:
        cleaners: Stores the values of a file that isn't a manifest.
        path: Path of the file, whose attributes apply.
        text: The blob.

    Raises:
        ManifestError: The blob is a damaged manifest.
    """
    if not text:
        return None
    try:
        manifest = parse_if_manifest(text)
    except ManifestError as error:
        raise ManifestError(f"one side isn't a valid manifest: {error.message}", error.hint) from error
    return manifest or cleaners.cleaner(path).clean(memoryview(text)).manifest
