"""G2, adaptation: a base, and ten versions for each of nine tasks, trained on more noise each. 91 models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.lineage.shapes.made_model import MadeModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSIONS = 10

BASE = "base.safetensors"


def version_path(task: str, version: int) -> str:
    """The file of a task's version, from 1."""
    return f"{task}/v{version:02}.safetensors"


def make(folder: Path) -> Iterator[MadeModel]:
    """Train the models: the first version of a task from the base, and each other from the one before."""
    from benchmarks.lineage.training.language import TASKS
    from benchmarks.lineage.training.text_model import finetune, train_base

    train_base(folder / BASE)
    yield MadeModel(BASE)
    for version in range(1, _VERSIONS + 1):
        for number, task in enumerate(TASKS):
            parent = BASE if version == 1 else version_path(task, version - 1)
            path = version_path(task, version)
            noise = 0.02 * (version - 1)
            finetune(folder / parent, task, folder / path, seed=100 * version + number, noise=noise)
            yield MadeModel(path, (parent,), "finetune", version)
