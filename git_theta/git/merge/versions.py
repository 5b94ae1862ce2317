"""The manifest that one version of a merged file is."""

from __future__ import annotations

from git_theta.errors import ManifestError
from git_theta.git.worktree.cleaners import Cleaners
from git_theta.model.manifest import Manifest, parse_if_manifest


def manifest_of(cleaners: Cleaners, path: str, text: bytes) -> Manifest | None:
    """The manifest that a version is; one is made of a file that Git has as a whole; `None` for an empty one.

    Raises:
        ManifestError: It's a damaged manifest.
    """
    if not text:
        return None
    try:
        manifest = parse_if_manifest(text)
    except ManifestError as error:
        raise ManifestError(f"one side isn't a valid manifest: {error.message}", error.hint) from error
    return manifest or cleaners.cleaner(path).clean(memoryview(text)).manifest
