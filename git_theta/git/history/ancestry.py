"""The ancestry of a file: the commits that its content comes from, merges included."""

from __future__ import annotations

import os
from collections.abc import Sequence

from git_theta.git.history.commit_info import FIELDS, PLAIN_LOG, CommitInfo, parse_commit
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.raw_diff import raw_change


def ancestry(git: Git, tip: str, paths: Sequence[str]) -> list[CommitInfo]:
    """The commits that the content of files comes from, each before its parents.

    They're those of `git log --parents`: a merge that took one side's version as it is leads to that side
    only. The first one has the version that `tip` has. The paths are pathspecs.
    """
    text = git.run(
        *("log", "--parents", "--topo-order", "-z", *PLAIN_LOG),
        *(f"--format=tformat:{'%x00'.join(FIELDS)}", tip, "--", *paths),
    )
    fields = os.fsdecode(text).split("\0")
    size = len(FIELDS)
    return [parse_commit(fields[start : start + size]) for start in range(0, len(fields) - 1, size)]


def blobs_at(git: Git, trees: Sequence[str], path: str) -> dict[str, str]:
    """The ids of the blobs at a path, by the id of the tree; trees without one are left out."""
    empty = git.line("hash-object", "-t", "tree", os.devnull)
    pairs = "".join(f"{empty} {tree}\n" for tree in trees if tree != empty)
    raw = git.run(
        *("diff-tree", "--stdin", "-r", "-z", "--raw", "--no-abbrev", "--no-renames"),
        *("--", f":(top,literal){path}"),
        stdin=pairs.encode(),
    )
    found = {}
    fields = iter(os.fsdecode(raw).split("\0"))
    tree = ""
    # Each pair is repeated on a line of its own, and its changes follow: several, if the path is a folder.
    for field in fields:
        pairs, _, head = field.rpartition("\n")
        tree = pairs.rpartition(" ")[2] or tree
        if head:
            change = raw_change(head, fields)
            if change.new_path == path:
                found[tree] = change.new_oid
    return found


def real_parents(git: Git, commits: Sequence[CommitInfo]) -> dict[str, tuple[str, ...]]:
    """The ids of all parents, by the id of the commit; none at the boundary of a shallow clone."""
    asked = "".join(f"{commit.oid}\n" for commit in commits)
    text = git.run("rev-list", "--no-walk=unsorted", "--parents", "--stdin", stdin=asked.encode())
    return {oid: tuple(parents) for oid, *parents in (line.split() for line in text.decode().splitlines())}
