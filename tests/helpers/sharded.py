"""Sharded models in repositories of tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

Arrays = Mapping[str, NDArray[Any]]

INDEX = "model.safetensors.index.json"


def shard_name(number: int, count: int) -> str:
    """The name that libraries give a shard."""
    return f"model-{number:05}-of-{count:05}.safetensors"


def small_model(seed: int = 0, layers: int = 4) -> dict[str, NDArray[Any]]:
    """A matrix of 8 KiB and a bias for each layer."""
    random = np.random.default_rng(seed)
    found: dict[str, NDArray[Any]] = {}
    for layer in range(layers):
        found[f"layers.{layer}.weight"] = random.standard_normal((32, 64)).astype("f4")
        found[f"layers.{layer}.bias"] = random.standard_normal(64).astype("f4")
    return found


def split(model: Arrays, *starts: int) -> list[dict[str, NDArray[Any]]]:
    """The parameters of a model in shards that begin at the given layers; the first one at layer 0."""
    shards: list[dict[str, NDArray[Any]]] = [{} for _ in range(len(starts) + 1)]
    for name, value in model.items():
        layer = int(name.split(".")[1])
        shards[sum(layer >= start for start in starts)][name] = value
    return shards


def write_shards(repo: Repo, folder: str, shards: Sequence[Arrays], *, index: bool = True) -> list[str]:
    """Write a model as its library does, in place of the one that the folder has; returns the paths."""
    for old in (repo.path / folder).glob("model*"):
        old.unlink()
    prefix = f"{folder}/" if folder else ""
    names = [shard_name(number + 1, len(shards)) for number in range(len(shards))]
    for name, shard in zip(names, shards, strict=True):
        repo.write(f"{prefix}{name}", safetensors_bytes(shard))
    if index:
        repo.write(f"{prefix}{INDEX}", index_bytes(names, shards))
    return [f"{prefix}{name}" for name in names]


def index_bytes(names: Sequence[str], shards: Sequence[Arrays]) -> bytes:
    """The index as transformers writes it."""
    places = {key: name for name, shard in zip(names, shards, strict=True) for key in shard}
    size = sum(value.nbytes for shard in shards for value in shard.values())
    document = {"metadata": {"total_size": size}, "weight_map": dict(sorted(places.items()))}
    return (json.dumps(document, indent=2) + "\n").encode()


def write_single(repo: Repo, folder: str, model: Arrays) -> str:
    """Write a model as one file, in place of its shards; returns the path."""
    for old in (repo.path / folder).glob("model*"):
        old.unlink()
    path = f"{folder}/model.safetensors" if folder else "model.safetensors"
    repo.write(path, safetensors_bytes(model))
    return path
