"""Bytes that `git theta compact` and `prune` leave, as a share of those that adds stored."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

from benchmarks.models import noisy, read_model, write_model
from benchmarks.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.models import Model
    from benchmarks.sandbox import Home, Repository

    #: Versions in the order in which one clone adds them, each with its path.
    Additions = Sequence[tuple[str, Model]]

#: The largest share where values were added apart.
_LIMIT = 0.85

_CHECKPOINTS = 8
_FINE_TUNES = 30


def compacted(home: Home, base: Path) -> Iterator[Row]:
    """Rows for each history: bytes of the store after a compact and a prune, as a share of those before.

    Args:
        home: git-theta, with its usual settings.
        base: A safetensors checkpoint of BERT's names.
    """
    prefixes = tuple(f"encoder.layer.0.attention.self.{part}.weight" for part in ("query", "key"))
    model = read_model(base, prefixes)
    run = checkpoints(model, _CHECKPOINTS)
    family = [model, *(_tuned(model, seed) for seed in range(1, _FINE_TUNES))]
    shuffled = random.Random(0).sample(family, len(family))
    paths = [f"m{number}" for number in range(len(family))]
    for name, clones, limit in (
        ("checkpoints of a run", [_at_one_path(run)], None),
        ("checkpoints of a run, the last one first", [_at_one_path(run[::-1])], None),
        ("fine-tunes after their base", [list(zip(paths, family, strict=True))], None),
        ("fine-tunes in random order", [list(zip(paths, shuffled, strict=True))], None),
        (
            "two clones of two fine-tunes, merged",
            [_at_one_path(family[at : at + 2]) for at in (0, 2)],
            _LIMIT,
        ),
        ("two clones of five, merged", [_at_one_path(family[at : at + 5]) for at in (0, 5)], None),
        ("six clones of one, merged", [_at_one_path([each]) for each in family[:6]], _LIMIT),
    ):
        yield Row(name, "of added", (share_left(home, clones),), limit=limit)


def share_left(home: Home, clones: Sequence[Additions]) -> float:
    """Bytes of the store after a compact and a prune, as a share of those before.

    Args:
        home: git-theta.
        clones: Versions that each clone added, before it knew of the others.
    """
    merged = merged_clones(home, clones)
    before = _store_bytes(merged)
    merged.home.run("git", "theta", "compact", cwd=merged.path)
    merged.home.run("git", "theta", "prune", "--recent", "0", cwd=merged.path)
    merged.home.run("git", "theta", "fsck", cwd=merged.path)
    after = _store_bytes(merged)
    merged.remove()
    return after / before


def merged_clones(home: Home, clones: Sequence[Additions]) -> Repository:
    """A repository without a remote that has the histories of some clones and all of their objects."""
    repositories = []
    for number, additions in enumerate(clones):
        repository = home.repository(f"clone-{number}")
        for path, model in additions:
            write_model(repository.path / f"{number}-{path}.safetensors", model)
            repository.git("add", ".")
            repository.git("commit", "--quiet", "--message", path)
        repositories.append(repository)
    merged, *others = repositories
    for other in others:
        merged.git("remote", "add", "other", str(other.path))
        merged.git("fetch", "--quiet", "other")
        options = ("--quiet", "--allow-unrelated-histories", "-X", "ours", "--message", "merge")
        merged.git("merge", *options, "other/main")
        merged.home.run("git", "theta", "fetch", "--all", cwd=merged.path)
        merged.git("remote", "remove", "other")
        other.remove()
    return merged


def checkpoints(model: Model, count: int) -> list[Model]:
    """A run whose learning rate falls: each step is half as large as the one before."""
    found = [model]
    for step in range(1, count):
        moved = _tuned(found[-1], step)
        share = 2.0 ** (5 - step)
        found.append(
            {name: (old + (moved[name] - old) * share).astype(old.dtype) for name, old in found[-1].items()}
        )
    return found


def _store_bytes(repository: Repository) -> int:
    usage = json.loads(repository.home.run("git", "theta", "du", "--json", cwd=repository.path))
    found: int = usage["store"]
    return found


def _at_one_path(models: Sequence[Model]) -> Additions:
    return [("m", model) for model in models]


def _tuned(model: Model, seed: int) -> Model:
    return {name: noisy(array, seed) for name, array in model.items()}
