"""The files and index entries that a step of a cascade changes, and the way back to them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from git_theta.errors import ThetaError
from git_theta.git.lineage.read_graph import record_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.change_index import change_index
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.dirty_paths import dirty_paths
from git_theta.git.plumbing.pathspec import literal
from git_theta.git.repository.repository import Repository
from git_theta.lineage.record import record_path

#: What stands in place of the entry of a file that isn't there.
_ABSENT = "absent"


def files_of_step(tree: LineageTree, models: Iterable[str]) -> list[str]:
    """Paths of all files that change when models are made again: theirs, and those of their records.

    The record of a model that has moved is at two places: the old one, and the one where it will be.
    """
    found: list[str] = []
    for model in models:
        parts = tree.models.get(model)
        found += parts.files if parts else (model,)
        found.append(record_path(model))
        old = record_of(tree, model) if parts else None
        found += [old.path] if old else []
    return list(dict.fromkeys(found))


def index_lines(git: Git, paths: Sequence[str]) -> tuple[str, ...]:
    """The entries of files in the index, as `git ls-files -s` has them: `MODE OID STAGE`, tab, path.

    A file that the index doesn't have has the word `absent` in place of the entry.

    Args:
        git: Git at the top of the work tree.
        paths: Paths of files from the top.
    """
    found: dict[str, str] = {}
    for record in git.records("ls-files", "-s", "-z", "--", *literal(paths)):
        head, _, name = record.partition(b"\t")
        found[os.fsdecode(name)] = head.decode()
    return tuple(f"{found.get(path, _ABSENT)}\t{path}" for path in paths)


def check_unchanged(git: Git, lines: Sequence[str]) -> None:
    """Check that the work tree has what the index has, of files that will be replaced.

    Raises:
        ThetaError: A file has changes that Git doesn't have.
    """
    there = [path for line, path in map(_split, lines) if not line.startswith(_ABSENT)]
    new = [
        path
        for line, path in map(_split, lines)
        if line.startswith(_ABSENT) and os.path.lexists(git.path(path))
    ]
    lost = [*dirty_paths(git, there), *new]
    if lost:
        raise ThetaError(f"{lost[0]} has changes that Git doesn't have", f"git add {lost[0]}, and commit it")


def put_back(repository: Repository, lines: Sequence[str]) -> None:
    """Give files and their index entries the content that they had.

    Args:
        repository: The repository, with Git at the top.
        lines: Lines of `index_lines`.

    Raises:
        GitError: The index is locked, or a file can't be written.
    """
    git = repository.git
    paths = [path for _, path in map(_split, lines)]
    if index_lines(git, paths) != tuple(lines):
        nothing = f"0 {'0' * len(git.line('rev-parse', 'HEAD'))} 0"
        stdin = b"".join(os.fsencode(line.replace(_ABSENT, nothing, 1)) + b"\0" for line in lines)
        change_index(git, "update-index", "-z", "--index-info", stdin=stdin)
    there = [path for line, path in map(_split, lines) if not line.startswith(_ABSENT)]
    changed = dirty_paths(git, there)
    if changed:
        for path in changed:
            _make_way(repository.root, path)
        stdin = b"".join(os.fsencode(path) + b"\0" for path in changed)
        change_index(git, "checkout-index", "-f", "-q", "-u", "-z", "--stdin", stdin=stdin)
    for line, path in map(_split, lines):
        if line.startswith(_ABSENT):
            _remove(repository.root, path)


def _split(line: str) -> tuple[str, str]:
    head, _, path = line.partition("\t")
    return head, path


def _make_way(root: Path, path: str) -> None:
    """Remove an empty folder that a command has put in a file's place."""
    with suppress(OSError):
        (root / path).rmdir()


def _remove(root: Path, path: str) -> None:
    """Remove a file, and the folders of records that are empty then."""
    place = root / path
    if place.is_file() or place.is_symlink():
        place.unlink()
        with suppress(OSError):
            for folder in list(place.parents)[: path.count("/")]:
                folder.rmdir()
