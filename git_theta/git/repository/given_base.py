"""The merge base that the user gives for checkpoints, in place of the one that Git finds.

Files that both sides added have none, and neither have unrelated histories. The base is named by the id of a
commit, whose files are the bases of files at the same paths, or by that of a file.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from git_theta.errors import GitError, UsageError
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.revspec import check_revision, find_manifest

#: The id of the base, for the merge drivers of one command.
BASE_VARIABLE = "GIT_THETA_MERGE_BASE"

_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def base_id(git: Git, text: str) -> str:
    """The id of the commit or of the file that a user names.

    Args:
        git: Git in the user's folder.
        text: REV or REV:PATH.

    Raises:
        UsageError: There's no such revision, or no tracked checkpoint in it.
    """
    words = ("rev-parse", "-q", "--verify", "--end-of-options")
    if ":" in text:
        find_manifest(git, text)
        with suppress(GitError):
            return git.line(*words, text)
        raise UsageError(f"there's no {text}", "write REV:PATH")
    check_revision(git, text)
    return git.line(*words, f"{text}^{{commit}}")


def base_blob(git: Git, given: str, path: str) -> str:
    """The blob of the base of a file; empty if the base has no such file, or isn't given.

    Args:
        git: Git in the repository.
        given: An id, as `base_id` gives it; empty for none.
        path: The file, from the top.
    """
    if not _ID.fullmatch(given):
        return ""
    words = ("rev-parse", "-q", "--verify", "--end-of-options")
    with suppress(GitError):
        return given if git.line("cat-file", "-t", given) == "blob" else git.line(*words, f"{given}:{path}")
    return ""


def given_base(git: Git, path: str) -> str:
    """The blob of the base that this command was given for a file; empty for none."""
    given = os.environ.get(BASE_VARIABLE, "")
    return base_blob(git, given, path) if given else ""
