"""The merge of a file that lists the shards of a model, `*.index.json`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from git_theta.errors import UsageError
from git_theta.git.history.compared_versions import ComparedVersion
from git_theta.git.merge.settings_beside import blobs_of
from git_theta.git.merge.version_commits import version_commits
from git_theta.git.plumbing.cat_file import Blobs
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest_text import MAX_TEXT_BYTES, valid_manifest
from git_theta.sharding.index_file import ShardIndex, is_index_name, parse_index
from git_theta.sharding.merged_index import MergedIndex, index_bytes, merge_indexes


def parsed_indexes(path: str, texts: Sequence[bytes]) -> list[ShardIndex | None] | None:
    """The indexes of shards that a file has in some versions, the base first; `None` if it's another file.

    Args:
        path: Path of the file.
        texts: Its versions; empty for one without the file, which only the base may be.
    """
    if not is_index_name(path) or not all(texts[1:]):
        return None
    try:
        return [parse_index(text, path) if text else None for text in texts]
    except UsageError:
        return None


def merge_index_file(
    repository: Repository, path: str, texts: Sequence[bytes], indexes: Sequence[ShardIndex | None]
) -> tuple[bytes, MergedIndex]:
    """Merge an index; the result is ours where there's a conflict.

    Args:
        repository: The repository, with Git at the top of its work tree.
        path: Path of the index, from there.
        texts: The versions of base, ours and theirs.
        indexes: Their contents.
    """
    base, ours, theirs = indexes
    assert ours is not None  # noqa: S101
    assert theirs is not None  # noqa: S101
    merged = merge_indexes(base, ours, theirs, _sizes(repository, path, texts))
    return index_bytes(merged.document, texts[1]), merged


def _sizes(repository: Repository, path: str, texts: Sequence[bytes]) -> list[dict[str, int]] | None:
    """Bytes of the parameters in each version of the model; `None` if one isn't known."""
    commits = version_commits(repository, path, blobs_of(repository, texts))
    if not all(commits[1:]):
        return None
    return [parameter_sizes(repository, commit, path) if commit else {} for commit in commits]


def parameter_sizes(repository: Repository, commit: str, path: str) -> dict[str, int]:
    """Bytes of each parameter of the shards that an index lists, as far as these can be read."""
    version = ComparedVersion(repository.git, commit).models(os.path.dirname(path))
    found: dict[str, int] = {}
    with Blobs(repository.git.cwd) as blobs:
        for model in version.models.values():
            for file in model.files if model.index == path else ():
                manifest = valid_manifest(blobs.read(version.files[file].oid, MAX_TEXT_BYTES))
                found |= {entry.name: entry.spec.nbytes for entry in manifest.entries} if manifest else {}
    return found
