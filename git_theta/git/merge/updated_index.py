"""The index of shards after one of them was merged: it lists what the shard has now."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from git_theta.errors import UsageError
from git_theta.git.history.compared_versions import ComparedVersion
from git_theta.git.plumbing.notices import note
from git_theta.git.plumbing.unmerged import unmerged_paths
from git_theta.git.repository.repository import Repository
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.model.manifest import Manifest
from git_theta.report.text import printable
from git_theta.runtime.atomic_write import atomic_write
from git_theta.sharding.index_file import MAX_INDEX, ShardIndex, parse_index
from git_theta.sharding.merged_index import index_bytes
from git_theta.small_file import read_small_file


def update_index_of(
    repository: Repository, path: str, merged: Manifest, versions: Sequence[Manifest | None]
) -> None:
    """Write and stage the index that lists a shard, if the shard has other parameters now.

    An index that is in conflict itself is left to be settled.

    Args:
        repository: The repository, with Git at the top of its work tree.
        path: The shard, from there.
        merged: Its new version.
        versions: The versions that were merged.
    """
    git = repository.git
    models = ComparedVersion(git, None).models(os.path.dirname(path)).models.values()
    index = next((model.index for model in models if path in model.files and model.index), "")
    if not index or index in unmerged_paths(git):
        return
    try:
        text = read_small_file(git.path(index), MAX_INDEX)
        document = _updated(parse_index(text, index), os.path.basename(path), merged, versions)
    except UsageError as error:
        note(f"{printable(index)} isn't changed: {error.message}")
        return
    if document is not None:
        atomic_write(git.path(index), index_bytes(document, text))
        git.run("add", "--", f":(top,literal){index}")
        note(f"{printable(index)} lists what {printable(path)} has now; staged")


def _updated(
    index: ShardIndex, shard: str, merged: Manifest, versions: Sequence[Manifest | None]
) -> Mapping[str, Any] | None:
    """The index with the parameters that a shard has now; `None` if it lists them, or has other names."""
    now = {entry.name: entry.spec.nbytes for entry in parameter_entries(merged)}
    if not now.keys() & index.places.keys():
        return None
    sizes = {entry.name: entry.spec.nbytes for each in versions if each for entry in each.entries} | now
    gone = [name for name, place in index.places.items() if place == shard and name not in now]
    new = [name for name in now if index.places.get(name) != shard]
    if not gone and not new:
        return None
    places = {name: place for name, place in index.places.items() if name not in gone}
    places |= dict.fromkeys(new, shard)
    if list(index.places) == sorted(index.places):
        places = dict(sorted(places.items()))
    more = sum(sizes[name] for name in new if name not in index.places)
    less = sum(sizes.get(name, 0) for name in gone)
    document = {**index.document, "weight_map": places}
    if index.total_size is not None:
        document["metadata"] = {**index.document["metadata"], "total_size": index.total_size + more - less}
    return document
