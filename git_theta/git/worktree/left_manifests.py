"""Manifests in the work tree where a model should be, found when Git sends one to the filter."""

from __future__ import annotations

import os
from contextlib import suppress

from git_theta.errors import GitError
from git_theta.git.plumbing.parent_command import stages_paths
from git_theta.git.remote.fetch import is_here
from git_theta.git.repository.repository import Repository
from git_theta.git.worktree.pending_files import PendingFile
from git_theta.git.worktree.writing_lock import writing_files
from git_theta.model.manifest_text import valid_manifest


def file_to_write(repository: Repository, path: str, text: bytes, blob: bytes) -> PendingFile | None:
    """A file that should become a model, though Git doesn't ask for that.

    An octopus merge by Git, for example, merges manifests as text and stages the result; and a filter that
    was killed leaves manifests. Nothing would ask for the models, and the status would be clean.

    Args:
        repository: The repository, with Git at the top of its work tree.
        path: The file, from there.
        text: Its content, which begins as a manifest.
        blob: What Git got for it.

    Returns:
        The file; `None` if it should stay as it is.
    """
    manifest = valid_manifest(blob)
    if manifest is None:
        return None
    oid = repository.git.run("hash-object", "--stdin", stdin=blob).decode().strip()
    found = PendingFile(path, manifest, text, oid)
    return found if stages_paths() or _was_left(repository, found) else None


def _was_left(repository: Repository, file: PendingFile) -> bool:
    """Whether a file is still as Git wrote it, and can be written here and now."""
    # Programs that look at a repository in the background ask Git so not to write.
    if os.environ.get("GIT_OPTIONAL_LOCKS") == "0":
        return False
    folder = os.path.dirname(repository.git.path(file.path)) or "."
    if not os.access(folder, os.W_OK) or not is_here(repository, file.manifest):
        return False
    with suppress(GitError), writing_files(repository) as alone:
        return alone and repository.git.line("rev-parse", "-q", "--verify", f":0:{file.path}") == file.oid
    return False
