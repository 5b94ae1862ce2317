"""Shards: checkpoints that are parts of one model, as one to look for bases in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from git_theta.model.manifest import Manifest
from git_theta.model.name_escapes import sort_key


def group_shards(checkpoints: Iterable[Manifest]) -> list[list[Manifest]]:
    """Checkpoints by model: those of one have no name of a parameter in common.

    Args:
        checkpoints: The most wanted first; each joins the first model that lacks all of its names.
    """
    models: list[list[Manifest]] = []
    names: list[set[str]] = []
    for checkpoint in checkpoints:
        own = checkpoint.by_name.keys()
        at = next((at for at, taken in enumerate(names) if taken.isdisjoint(own)), len(models))
        if at == len(models):
            models.append([])
            names.append(set())
        models[at].append(checkpoint)
        names[at] |= own
    return models


def join_shards(shards: Sequence[Manifest]) -> Manifest:
    """One checkpoint with the parameters of several. It's only for its entries: no file has its layout."""
    if len(shards) == 1:
        return shards[0]
    entries = (entry for shard in shards for entry in shard.entries)
    return replace(shards[0], entries=tuple(sorted(entries, key=lambda entry: sort_key(entry.name))))
