"""Which checkpoints differ between two commits, the index and the work tree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.raw_diff import parse_raw_diff
from git_theta.model.manifest_text import MAX_TEXT_BYTES, is_manifest


@dataclass(frozen=True, slots=True)
class ChangedFile:
    """A file that differs between two versions, according to Git.

    Attributes:
        old_path: The old path, from the top of the work tree.
        new_path: The new path; another one if Git found a rename.
        old_mode: The old mode as Git writes it; empty if there was no file.
        new_mode: The new mode; empty if there's no file.
        old_oid: The old blob's id; empty if there was no file.
        new_oid: The new blob's id; empty for a file in the work tree, and if there's no file.
        in_conflict: Whether the index has the file in conflict.
    """

    old_path: str
    new_path: str
    old_mode: str
    new_mode: str
    old_oid: str
    new_oid: str
    in_conflict: bool = False


def changed_files(git: Git, revs: Sequence[str], paths: Sequence[str], *, cached: bool) -> list[ChangedFile]:
    """Checkpoints that differ according to Git, by path.

    A file whose time stamp changed is among them, even if its content didn't change.

    Args:
        git: Git in the user's folder.
        revs: Two revisions to compare; one to compare with the work tree; none to compare the index with it.
        paths: Pathspecs, from the user's folder; all when empty.
        cached: Whether to compare with the index in place of the work tree.
    """
    options = ("--raw", "-z", "--no-abbrev", "--no-relative")
    if len(revs) == 2:
        git.check_listed(*revs)
        raw = git.listing("diff-tree", "-r", "-M", *options, *revs, "--", *paths)
    elif cached:
        raw = git.run("diff-index", "--cached", "-M", *options, *(revs or [tree_of_head(git)]), "--", *paths)
    elif revs:
        # To find renames, Git would run the clean filter on files of the work tree.
        raw = git.run("diff-index", "--no-renames", *options, *revs, "--", *paths)
    else:
        raw = git.run("diff-files", "--no-renames", *options, "--", *paths)
    return _checkpoints(git, list(_parse(raw)))


def tree_of_head(git: Git) -> str:
    """`HEAD`, or before the first commit the id of the empty tree."""
    if git.ok("rev-parse", "-q", "--verify", "HEAD"):
        return "HEAD"
    return git.line("hash-object", "-t", "tree", os.devnull)


def _parse(raw: bytes) -> Iterator[ChangedFile]:
    unmerged: set[str] = set()
    for change in parse_raw_diff(raw):
        path = change.old_path
        if change.status == "U" or path in unmerged:
            # `diff-files` lists the file of the work tree once more.
            if path not in unmerged:
                yield ChangedFile(path, path, "", "", "", "", in_conflict=True)
            unmerged.add(path)
            continue
        yield ChangedFile(
            path, change.new_path, change.old_mode, change.new_mode, change.old_oid, change.new_oid
        )


def _checkpoints(git: Git, found: list[ChangedFile]) -> list[ChangedFile]:
    """The changed files that git-theta tracks, or that are a manifest on one side."""
    names = sorted({path for item in found for path in (item.old_path, item.new_path)})
    if not names:
        return []
    filters = attribute_values(at_top(git), "filter", names)
    tracked = {path for path, value in filters.items() if value == "theta"}
    with Blobs(git.cwd) as blobs:

        def has_manifest(item: ChangedFile) -> bool:
            regular = item.old_mode.startswith("100"), item.new_mode.startswith("100")
            oids = [
                oid for oid, is_file in zip((item.old_oid, item.new_oid), regular, strict=True) if is_file
            ]
            texts = (blobs.read(oid, MAX_TEXT_BYTES) for oid in oids if oid)
            return any(is_manifest(text) for text in texts if text)

        return [item for item in found if tracked & {item.old_path, item.new_path} or has_manifest(item)]


def at_top(git: Git) -> Git:
    """Git in the folder from which paths from the top count."""
    if git.line("rev-parse", "--is-inside-work-tree") != "true":
        return git
    return Git(Path(git.line("rev-parse", "--show-toplevel")), git.env)
