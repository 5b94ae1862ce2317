"""Find a checkpoint by what a user writes: PATH, REV:PATH or :PATH."""

from __future__ import annotations

import os

from git_theta.errors import ManifestError, UsageError
from git_theta.git.blobs import Blobs
from git_theta.git.command import Git
from git_theta.model.manifest import MAX_TEXT_BYTES, Manifest, is_manifest, parse


def find_manifest(git: Git, name: str) -> Manifest:
    """The manifest of a version of a file.

    Args:
        git: Git in the user's folder.
        name: `PATH` or `:PATH` for the index, `REV:PATH` for a revision. A path is relative to the
            folder, or in `REV:PATH`, as everywhere in Git, to the top unless it begins with `./`.

    Raises:
        UsageError: There's no such version, or it isn't a tracked checkpoint.
        ManifestError: What's there is a damaged manifest.
    """
    with Blobs(git.cwd) as blobs:
        for candidate in _candidates(git, name):
            blob = blobs.read(candidate, MAX_TEXT_BYTES)
            if blob is not None:
                return _parsed(blob, name)
    _, _, path = name.rpartition(":")
    if os.path.lexists(os.path.join(git.cwd or ".", path)):
        raise UsageError(f"{name} isn't in Git in that version", f"add it first: git add -- {path}")
    raise UsageError(f"there's no {name} in this repository", "`git theta ls-files` lists checkpoints")


def _candidates(git: Git, name: str) -> list[str]:
    prefix = git.line("rev-parse", "--show-prefix") if _has_tree(git) else ""
    rev, colon, path = name.partition(":")
    own = os.path.normpath(os.path.join(prefix, name))
    found = [f":{own}"]
    if colon and rev:
        inside = os.path.normpath(os.path.join(prefix, path)) if path.startswith(("./", "../")) else path
        found = [f"{rev}:{inside}", *found]
    elif colon:
        found = [f":{os.path.normpath(os.path.join(prefix, path))}", f":{path}", *found]
    return found


def _has_tree(git: Git) -> bool:
    return git.line("rev-parse", "--is-inside-work-tree") == "true"


def _parsed(blob: bytes, name: str) -> Manifest:
    if not is_manifest(blob):
        raise UsageError(
            f"{name} is in Git as a whole file, not as a checkpoint",
            "track it (git theta track), then: git add --renormalize . && git commit",
        )
    try:
        return parse(blob)
    except ManifestError as error:
        raise ManifestError(f"{name}: {error.message}", error.hint) from error
