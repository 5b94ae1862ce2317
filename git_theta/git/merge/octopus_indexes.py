"""The indexes of shards in a merge of several branches: each is merged from all sides at once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from git_theta.errors import GitError
from git_theta.git.merge.shard_index_file import parameter_sizes, parsed_indexes
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.plumbing.raw_diff import parse_raw_diff
from git_theta.git.repository.repository import Repository
from git_theta.report.text import printable
from git_theta.sharding.index_file import MAX_INDEX, ShardIndex, is_index_name, parse_index
from git_theta.sharding.merged_index import index_bytes, merge_indexes

#: Mode and blob of a file.
_File = tuple[str, str]


def merged_indexes(repository: Repository, ancestor: str | None, sides: Sequence[str]) -> dict[str, _File]:
    """Mode and blob of each index that several sides changed, by path.

    Args:
        repository: The repository.
        ancestor: The common ancestor of the sides; `None` if there's none.
        sides: The commits to merge, ours first.

    Raises:
        GitError: The sides sharded a model in different ways.
    """
    base = ancestor or repository.git.line("hash-object", "-t", "tree", os.devnull)
    changed = [_changed(repository, base, side) for side in sides]
    found: dict[str, _File] = {}
    for path in sorted({path for each in changed for path in each}):
        versions = {side: each[path] for side, each in zip(sides, changed, strict=True) if path in each}
        if len({oid for _, oid in versions.values()}) > 1:
            merged = _merged(repository, ancestor, path, versions)
            if merged:
                found[path] = merged
    return found


def _changed(repository: Repository, base: str, side: str) -> dict[str, _File]:
    """The indexes that a side changed; those that it removed are left to Git."""
    raw = repository.git.run("diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", base, side)
    return {
        change.new_path: (change.new_mode, change.new_oid)
        for change in parse_raw_diff(raw)
        if change.new_mode.startswith("100") and is_index_name(change.new_path)
    }


def _merged(
    repository: Repository, ancestor: str | None, path: str, versions: Mapping[str, _File]
) -> _File | None:
    """The merged file; `None` if it isn't an index of shards."""
    with Blobs(repository.git.cwd) as blobs:
        old = blobs.read(f"{ancestor}:{path}", MAX_INDEX) if ancestor else None
        texts = [blobs.read(oid, MAX_INDEX) or b"" for _, oid in versions.values()]
    indexes = parsed_indexes(path, (old or b"", *texts))
    if indexes is None:
        return None
    base, first, *others = indexes
    sizes = [parameter_sizes(repository, side, path) for side in versions]
    before = parameter_sizes(repository, ancestor, path) if ancestor else {}
    text, known, ours = texts[0], sizes[0], first
    for theirs, more in zip(others, sizes[1:], strict=True):
        text, ours = _two(path, text, (base, ours, theirs), (before, known, more))
        known = {**more, **known}
    oid = repository.git.run("hash-object", "-w", "--stdin", stdin=text).decode().strip()
    return next(iter(versions.values()))[0], oid


def _two(
    path: str,
    text: bytes,
    indexes: tuple[ShardIndex | None, ShardIndex | None, ShardIndex | None],
    sizes: Sequence[Mapping[str, int]],
) -> tuple[bytes, ShardIndex]:
    """The merge of two sides, as a text and its content."""
    base, ours, theirs = indexes
    assert ours is not None  # noqa: S101
    assert theirs is not None  # noqa: S101
    merged = merge_indexes(base, ours, theirs, sizes)
    if merged.conflicts:
        raise GitError(
            f"{printable(path)}: {printable(merged.conflicts[0])}; nothing has changed",
            "merge one branch after the other: git theta merge can merge two ways to shard a model",
        )
    made = index_bytes(merged.document, text)
    return made, parse_index(made, path)
