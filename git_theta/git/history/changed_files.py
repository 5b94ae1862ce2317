"""Which checkpoints differ between two commits, the index and the work tree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.check_attr import attribute_values
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.raw_diff import parse_raw_diff
from git_theta.git.repository.manifest_walk import check_revision, is_revision
from git_theta.model.manifest import MAX_TEXT_BYTES, is_manifest


@dataclass(frozen=True, slots=True)
class Changed:
    """A file that isn't the same in two places, according to Git.

    Attributes:
        old_path: Where it was, from the top of the work tree.
        new_path: Where it is; another only if Git sees a renamed file.
        old_mode: As Git writes it; empty if there was no file.
        new_mode: Empty if there's no file.
        old_oid: Its blob; empty if there was no file.
        new_oid: Empty for the file in the work tree, and if there's no file.
        merged: Whether it isn't in conflict.
    """

    old_path: str
    new_path: str
    old_mode: str
    new_mode: str
    old_oid: str
    new_oid: str
    merged: bool = True


def names_revision(git: Git, word: str) -> bool:
    """Whether a word is of the form that `revisions` takes, and what it names is there."""
    ends = word.replace("...", "..").split("..")
    return len(ends) <= 2 and all(is_revision(git, rev or "HEAD") for rev in ends)


def revisions(git: Git, words: Sequence[str]) -> list[str]:
    """At most two revisions from what a user writes: `REV`, `REV REV`, `REV..REV` or `REV...REV`.

    Raises:
        UsageError: There's no such revision, or there are more.
    """
    found: list[str] = []
    for word in words:
        ends = word.replace("...", "..").split("..")
        if len(ends) == 2:
            ends = [rev or "HEAD" for rev in ends]
        for rev in ends:
            check_revision(git, rev)
        found += [git.line("merge-base", *ends), ends[1]] if "..." in word else ends
    if len(found) > 2:
        raise UsageError("more than two revisions", "name one or two: git theta diff OLD NEW")
    return found


def changed(git: Git, revs: Sequence[str], paths: Sequence[str], *, cached: bool) -> list[Changed]:
    """Checkpoints that Git takes for different, by path.

    A file whose time stamp changed is among them; whether its content did is for the caller to find out.

    Args:
        git: Git in the user's folder.
        revs: None for index and work tree; one for it and the work tree; two for each other.
        paths: Pathspecs, relative to that folder; all when empty.
        cached: Compare with the index in place of the work tree.
    """
    options = ("--raw", "-z", "--no-abbrev", "--no-relative")
    if len(revs) == 2:
        raw = git.run("diff-tree", "-r", "-M", *options, *revs, "--", *paths)
    elif cached:
        raw = git.run("diff-index", "--cached", "-M", *options, *(revs or [_head(git)]), "--", *paths)
    elif revs:
        # Git would clean files of the work tree to find out which are renamed.
        raw = git.run("diff-index", "--no-renames", *options, *revs, "--", *paths)
    else:
        raw = git.run("diff-files", "--no-renames", *options, "--", *paths)
    return _checkpoints(git, list(_parsed(raw)))


def _head(git: Git) -> str:
    if git.ok("rev-parse", "-q", "--verify", "HEAD"):
        return "HEAD"
    return git.line("hash-object", "-t", "tree", os.devnull)


def _parsed(raw: bytes) -> Iterator[Changed]:
    unmerged: set[str] = set()
    for change in parse_raw_diff(raw):
        path = change.old_path
        if change.status == "U" or path in unmerged:
            # `diff-files` then says once more what the work tree has.
            if path not in unmerged:
                yield Changed(path, path, "", "", "", "", merged=False)
            unmerged.add(path)
            continue
        yield Changed(path, change.new_path, change.old_mode, change.new_mode, change.old_oid, change.new_oid)


def _checkpoints(git: Git, found: list[Changed]) -> list[Changed]:
    """Those that are given to git-theta, or have a manifest on one side."""
    names = sorted({path for item in found for path in (item.old_path, item.new_path)})
    if not names:
        return []
    filters = attribute_values(_at_top(git), "filter", names)
    ours = {path for path, value in filters.items() if value == "theta"}
    with Blobs(git.cwd) as blobs:

        def has_manifest(item: Changed) -> bool:
            regular = item.old_mode.startswith("100"), item.new_mode.startswith("100")
            oids = [
                oid for oid, is_file in zip((item.old_oid, item.new_oid), regular, strict=True) if is_file
            ]
            texts = (blobs.read(oid, MAX_TEXT_BYTES) for oid in oids if oid)
            return any(is_manifest(text) for text in texts if text)

        return [item for item in found if ours & {item.old_path, item.new_path} or has_manifest(item)]


def _at_top(git: Git) -> Git:
    """Git where paths from the top are what they say."""
    if git.line("rev-parse", "--is-inside-work-tree") != "true":
        return git
    return Git(Path(git.line("rev-parse", "--show-toplevel")), git.env)
