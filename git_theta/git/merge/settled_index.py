"""Indexes of shards in conflict: merged as the merge driver would have, where Git merged them as texts."""

from __future__ import annotations

from collections.abc import Iterable

from git_theta.git.merge.shard_index_file import merge_index_file, parsed_indexes
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.repository.conflict_records import read_stages
from git_theta.git.repository.repository import Repository
from git_theta.runtime.atomic_write import atomic_write
from git_theta.sharding.index_file import MAX_INDEX, is_index_name
from git_theta.small_file import read_small_file

#: The beginning of a conflict in a text that Git merged.
_MARKER = b"<<<<<<< "


def settle_indexes(repository: Repository, paths: Iterable[str]) -> list[str]:
    """Merge, write and stage the indexes of shards among some files in conflict; returns their paths.

    An index that both sides changed for the same parameter stays in conflict, and so does one that the user
    has edited.

    Args:
        repository: The repository, with Git at the top of its work tree.
        paths: Files in conflict.
    """
    return [path for path in paths if is_index_name(path) and _settle(repository, path)]


def _settle(repository: Repository, path: str) -> bool:
    stages = read_stages(repository.git, path)
    if stages is None or not (stages.ours and stages.theirs):
        return False
    with Blobs(repository.git.cwd) as blobs:
        texts = [blobs.read(oid, MAX_INDEX) or b"" if oid else b"" for oid in stages.ids]
    indexes = parsed_indexes(path, texts)
    if indexes is None:
        return False
    now = read_small_file(repository.git.path(path), MAX_INDEX)
    if now != texts[1] and _MARKER not in now:
        return False
    text, merged = merge_index_file(repository, path, texts, indexes)
    if merged.conflicts:
        return False
    atomic_write(repository.git.path(path), text)
    repository.git.run("add", "--", f":(top,literal){path}")
    return True
