"""Checkpoints that one side moved and changed, so that Git sees a removed and an added file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from contextlib import suppress

from git_theta.errors import GitError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.repository.conflict_records import read_stages
from git_theta.git.repository.operation import interrupted_operation
from git_theta.git.repository.repository import Repository
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.purpose import Purpose
from git_theta.model.manifest_text import MAX_TEXT_BYTES, valid_manifest

#: Heads of the commit that an operation merges or applies.
_HEADS = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REBASE_HEAD", "REVERT_HEAD")

#: Added files that are looked at.
_MOST = 200


def advice_about_move(repository: Repository, path: str, gone: str) -> tuple[str, ...]:
    """The commands that merge a file that one side changed into the one that the other side moved it to.

    Args:
        repository: The repository, with Git at the top of its work tree.
        path: The file, which is in conflict.
        gone: The side that doesn't have it, `ours` or `theirs`.

    Returns:
        A sentence and the commands; nothing if no added file has the parameters of this one.
    """
    new = _moved_to(repository, path, gone)
    if not new:
        return ()
    method = "average" if interrupted_operation(repository).purpose is Purpose.MERGE else "task-arithmetic"
    sides = (f":2:{path}", f":{new}") if gone == "theirs" else (f":{new}", f":3:{path}")
    combine = ["git", "theta", "combine", "-s", method, "--base", f":1:{path}", *sides, "-o", new, "--force"]
    return (
        f"its parameters are in {new} of {gone}; to merge both there:",
        shlex.join(combine),
        shlex.join(["git", "theta", "resolve", path, "-s", gone]),
        shlex.join(["git", "add", "--", new]),
    )


def _moved_to(repository: Repository, path: str, gone: str) -> str:
    """The only file that the other side doesn't have, and that has the parameters of a version; or empty."""
    stages = read_stages(repository.git, path)
    if stages is None or not stages.base:
        return ""
    with Blobs(repository.git.cwd) as blobs:
        wanted = _names(blobs, stages.base)
        found = [each for each in _added(repository, gone) if wanted and _names(blobs, f":{each}") == wanted]
    return found[0] if len(found) == 1 else ""


def _names(blobs: Blobs, blob: str) -> frozenset[str]:
    """The names of a checkpoint's parameters; none if it isn't one."""
    manifest = valid_manifest(blobs.read(blob, MAX_TEXT_BYTES) or b"")
    return frozenset(entry.name for entry in parameter_entries(manifest))


def _added(repository: Repository, gone: str) -> Iterator[str]:
    """The files in the index that the commit of the side that still has the file doesn't have."""
    heads = ("HEAD",) if gone == "theirs" else _HEADS
    for head in heads:
        with suppress(GitError):
            words = ("diff", "--cached", "--no-renames", "--diff-filter=A", "--name-only", "-z", head)
            listed = os.fsdecode(repository.git.run(*words, "--")).split("\0")
            yield from filter(None, listed[:_MOST])
            return
