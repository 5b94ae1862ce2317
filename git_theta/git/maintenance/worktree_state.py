"""The state of all work trees, from Git's folders: locks, and commits of unfinished commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

#: Refs beside HEAD while a command is unfinished. Most are files, but they needn't be.
PSEUDO_REFS = (
    "HEAD",
    "ORIG_HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "REBASE_HEAD",
    "AUTO_MERGE",
)

#: An id of a commit in one of Git's own files, perhaps abbreviated.
_COMMIT = re.compile(rb"(?<![0-9a-f])[0-9a-f]{7,64}(?![0-9a-f])")

#: The mark in FETCH_HEAD of a branch that was fetched along with others.
_NOT_FOR_MERGE = b"\tnot-for-merge\t"

#: Folders in which Git keeps the rest of a rebase, of `am`, or of a sequence of picks.
_SEQUENCES = ("rebase-merge", "rebase-apply", "sequencer")

#: `git stash` and `git commit PATH…` have indexes of their own beside the usual one.
_LOCKS = ("index*.lock", "next-index*.lock")

#: The bytes of the largest file that's searched for commits.
_MAX_STATE_BYTES = 1 << 20


def git_dirs(common_dir: Path) -> list[Path]:
    """Git's folders of all work trees, the main one first; also of work trees whose disk isn't mounted."""
    return [common_dir, *sorted(path for path in (common_dir / "worktrees").glob("*") if path.is_dir())]


def index_locks(common_dir: Path) -> list[Path]:
    """Locks of commands that are changing an index at this moment, in any work tree."""
    return [path for folder in git_dirs(common_dir) for name in _LOCKS for path in sorted(folder.glob(name))]


def unfinished_commits(git_dir: Path) -> Iterator[str]:
    """Commits named in the files of unfinished commands, in one work tree; perhaps abbreviated."""
    files = list(git_dir.glob("*_HEAD"))
    for name in _SEQUENCES:
        files += (git_dir / name).glob("*")
    for path in files:
        with suppress(OSError):
            if path.is_file() and path.stat().st_size <= _MAX_STATE_BYTES:
                lines = path.read_bytes().splitlines()
                text = b"\n".join(line for line in lines if _NOT_FOR_MERGE not in line)
                yield from (match.decode() for match in _COMMIT.findall(text))
