"""A guard of `git add`: it would settle a conflict that nobody has looked at."""

from __future__ import annotations

import os
import shlex

from git_theta.clean import same_content
from git_theta.errors import GitError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.parent_command import stages_files
from git_theta.git.repository.conflict_records import ConflictRecord, current_record, file_stamp
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest_text import MAX_TEXT_BYTES, valid_manifest


def refuse_unresolved(repository: Repository, path: str, blob: bytes) -> None:
    """Fail if the user stages ours, as a merge with conflicts left it in the work tree.

    Git itself takes any added file for resolved. A file that was changed or written anew since the merge may
    be staged: `git checkout --ours` decides for ours.

    Args:
        repository: The repository.
        path: The file, from the top of the work tree.
        blob: The manifest that would be staged.

    Raises:
        GitError: There are conflicts, and the manifest is that of ours.
    """
    if not stages_files():
        return
    record = current_record(repository, path)
    if record is None or _written_anew(repository, record):
        return
    with Blobs(repository.git.cwd) as blobs:
        ours = blobs.read(record.ids[1], MAX_TEXT_BYTES)
    if ours is not None and (ours == blob or _same(ours, blob)):
        quoted = shlex.quote(path)
        raise GitError(
            "in conflict, and the work tree has it as it was before the merge",
            f"to decide: git theta resolve {quoted}; to keep ours: git theta resolve {quoted} -s ours",
        )


def _written_anew(repository: Repository, record: ConflictRecord) -> bool:
    """Whether the file was written after the merge had left it in the work tree."""
    try:
        status = os.stat(repository.git.path(record.path))
    except OSError:
        return False
    return bool(record.left) and record.left != file_stamp(status)


def _same(one: bytes, other: bytes) -> bool:
    first, second = valid_manifest(one), valid_manifest(other)
    return first is not None and second is not None and same_content(first, second)
