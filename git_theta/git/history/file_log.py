"""The log of one file: the commits that touched it, across its renames."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from git_theta.git.history.commit_info import FIELDS, PLAIN_LOG, CommitInfo, parse_commit
from git_theta.git.history.renames import find_rename_source
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.raw_diff import raw_changes
from git_theta.git.repository.manifest_reader import ManifestReader

#: Path → ids of the blobs before and after a commit; `None` where there's no file.
BlobChanges = Mapping[str, tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class FileRevision:
    """A commit that touched a file, compared with its first parent.

    Attributes:
        commit: The commit.
        path: The file's path in the commit, from the top; if the commit removed the file, its last path.
        old_path: The path in the first parent; another one if the commit renamed the file.
        old_blob: The blob's id in the first parent; `None` if the file isn't there.
        new_blob: The blob's id in the commit; `None` if it removed the file.
    """

    commit: CommitInfo
    path: str
    old_path: str
    old_blob: str | None
    new_blob: str | None


def file_revisions(git: Git, manifests: ManifestReader, tip: str, path: str) -> Iterator[FileRevision]:
    """Commits that touched a file, the newest first, along first parents and back through renames.

    A merge is compared with its first parent, so all that came with it counts as its own change.

    Args:
        git: Git in the repository.
        manifests: Reads the manifests by whose parameters a rename is found.
        tip: The id of the commit to begin at.
        path: The file's path from the top.
    """
    start: str | None = tip
    while start:
        log = commits_with_changes(git, start, f":(top,literal){path}")
        start = None
        for commit, changes in log:
            if path not in changes:
                # The path was a folder in this commit.
                continue
            revision = FileRevision(commit, path, path, *changes[path])
            if revision.old_blob is None and revision.new_blob and commit.parents:
                source = find_rename_source(git, manifests, commit.parents[0], commit.oid, path)
                if source:
                    yield FileRevision(commit, path, *source, revision.new_blob)
                    start, path = commit.parents[0], source[0]
                    break
            yield revision


def commits_with_changes(git: Git, tip: str, *pathspecs: str) -> Iterator[tuple[CommitInfo, BlobChanges]]:
    """Commits with the files that they changed, the newest first, along first parents.

    Args:
        git: Git in the repository.
        tip: The id of the commit to begin at.
        pathspecs: The files that count, at least one. Commits that changed none of them are left out.
    """
    text = git.listing(
        *("log", "--first-parent", "--diff-merges=first-parent", "--root", "--raw", "-z"),
        *("--no-abbrev", "--no-renames", *PLAIN_LOG, f"--format=format:{'%x00'.join(FIELDS)}%x00"),
        *(tip, "--", *pathspecs),
    )
    fields = iter(os.fsdecode(text).split("\0"))
    while len(head := [*islice(fields, len(FIELDS))]) == len(FIELDS):
        changes = raw_changes(fields)
        blobs = {change.new_path: (change.old_oid or None, change.new_oid or None) for change in changes}
        yield parse_commit(head), blobs
