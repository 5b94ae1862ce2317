"""Commits that have the versions of a merged file, which Git doesn't tell its merge drivers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain

from git_theta.errors import GitError
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.parent_command import nearest_command
from git_theta.git.repository.operation import MERGED, REBASE, SEQUENCE
from git_theta.git.repository.repository import Repository

#: Files in Git's folder that begin with the commit that an operation merges or applies.
_HEADS = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "MERGE_AUTOSTASH")
_IN_FOLDERS = (f"{REBASE}/autostash", f"{REBASE}/done", f"{SEQUENCE}/todo", "rebase-apply/original-commit")

#: Commits of the file's history that are looked at if no other commit has the version.
_HISTORY = 500

_OID = re.compile(r"\b[0-9a-f]{7,64}\b")


def version_commits(
    repository: Repository, path: str, oids: Sequence[str], revisions: Sequence[str] = ()
) -> list[str]:
    """A commit for each version of a file, in whose tree the file is that version; empty if none is found.

    Commits that the operation names are looked at first: of several with the same version, the one that is
    merged counts, since other files may have changed since.

    Args:
        repository: The repository, with Git at the top of its work tree.
        path: The file, from there.
        oids: The blob of each version; empty for a version without the file.
        revisions: Revisions to look at before all others.
    """
    found = dict.fromkeys(oids, "")
    wanted = {oid for oid in oids if oid}
    with Blobs(repository.git.cwd) as blobs:
        for revision in chain(revisions, _named(repository), _history(repository, path)):
            version = blobs.lookup(f"{revision}:{path}") if wanted else None
            if version and version[0] in wanted:
                wanted.discard(version[0])
                found[version[0]] = revision
            if not wanted:
                break
    return [found[oid] for oid in oids]


def _named(repository: Repository) -> Iterator[str]:
    """HEAD, the commits of the operation, their parents, and their merge bases with HEAD."""
    yield "HEAD"
    heads = list(dict.fromkeys(chain(_of_environment(os.environ), _of_files(repository), _of_command())))
    yield from heads
    for head in heads:
        with suppress(GitError):
            yield from repository.git.line("merge-base", "--all", "HEAD", head).split("\n")
        yield from (f"{head}^", f"{head}^2")
    yield from ("stash@{0}", "stash@{0}^", "HEAD^")


def _of_environment(environment: Mapping[str, str]) -> Iterator[str]:
    yield from (name.removeprefix(MERGED) for name in environment if name.startswith(MERGED))


def _of_files(repository: Repository) -> Iterator[str]:
    for name in _HEADS:
        with suppress(OSError):
            yield from (repository.git_dir / name).read_text().split()[:1]
    for name in _IN_FOLDERS:
        with suppress(OSError, UnicodeDecodeError):
            lines = (repository.git_dir / name).read_text().strip().split("\n")
            # The command at work is the last one of those done, and the first one of those to do.
            yield from _OID.findall(lines[-1 if name.endswith("done") else 0])[:1]


def _of_command() -> Iterator[str]:
    """Words of the git command that may be revisions, also the ends of ranges."""
    _command, words = nearest_command()
    for word in words:
        if not word.startswith("-"):
            yield from (part for part in reversed(re.split(r"\.{2,3}", word)) if part)


def _history(repository: Repository, path: str) -> Iterator[str]:
    """The newest commits of all branches that changed the file."""
    with suppress(GitError):
        listed = repository.git.line("rev-list", "--all", f"--max-count={_HISTORY}", "HEAD", "--", path)
        yield from filter(None, listed.split("\n"))
