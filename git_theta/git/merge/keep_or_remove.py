"""Checkpoints in conflict that a side changed and the other removed: kept or removed, as a side has it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from git_theta.errors import GitError, UsageError
from git_theta.git.merge.resolve import has_version
from git_theta.git.merge.unmerged_files import UnmergedFile
from git_theta.git.merge.versions import manifest_of
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.work_file import work_file
from git_theta.git.repository.conflict_records import read_stages, remove_record
from git_theta.git.worktree.workspace import Workspace
from git_theta.merging.rules import MergeRule
from git_theta.model.manifest_text import MAX_TEXT_BYTES


def keep_or_remove(workspace: Workspace, file: UnmergedFile, rules: Sequence[MergeRule]) -> bool:
    """Take a file as a side has it, which is none for the side that removed it, and stage that.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        file: A file in conflict that isn't in both sides.
        rules: The user's decisions for all that is in conflict; the last one counts.

    Returns:
        Whether the file was kept.

    Raises:
        UsageError: The last rule isn't `ours` or `theirs`, or the work tree has something of the user's own.
        GitError: The file isn't in conflict any more, or the index can't be written.
    """
    side = rules[-1].strategy if rules else ""
    if side not in ("ours", "theirs"):
        raise UsageError(f"{file.path} isn't in both sides, so there's nothing to merge", file.need)
    git = workspace.repository.git
    _check_untouched(workspace, file.path)
    name = f":(top,literal){file.path}"
    if side in file.missing:
        git.run("rm", "-q", "--", name)
    else:
        git.run("checkout", "-q", f"--{side}", "--", name)
        git.run("add", "--", name)
    remove_record(workspace.repository, file.path)
    return side not in file.missing


def _check_untouched(workspace: Workspace, path: str) -> None:
    """Check that the work tree has the version that the merge left there, or no file."""
    repository = workspace.repository
    stages = read_stages(repository.git, path)
    if stages is None:
        raise GitError(f"{path} isn't in conflict", "see which are: git theta resolve")
    with work_file(repository.git.path(path)) as found:
        if found is None:
            return
        with Blobs(repository.git.cwd) as blobs:
            text = blobs.read(stages.ours or stages.theirs or stages.base, MAX_TEXT_BYTES)
        version = manifest_of(workspace.cleaners, path, text) if text is not None else None
        if version is None or not has_version(repository, workspace.known_files, version, found):
            quoted = shlex.quote(path)
            raise UsageError(
                f"{path} in the work tree isn't as the merge left it",
                f"use what is there: git add {quoted}; or remove it: git rm {quoted}",
            )
