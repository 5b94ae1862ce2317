"""G1, a hub: three small bases, and models that others made from them. 23 models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.lineage.shapes.made_model import MadeModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Bases → the width and the number of layers. Two have the same shapes, and nothing else in common.
_BASES = {"aster": (128, 4), "birch": (128, 4), "cedar": (96, 3)}

_TASKS = ("sentiment", "topic", "tense", "number")


def make(folder: Path) -> Iterator[MadeModel]:
    """Train the models."""
    from benchmarks.lineage.training.text_model import finetune, train_base

    for seed, (name, (width, layers)) in enumerate(_BASES.items()):
        train_base(folder / f"{name}/base.safetensors", seed=10 + seed, width=width, layers=layers)
        yield MadeModel(f"{name}/base.safetensors", step=3 * seed)
        last = f"encoder.layers.{layers - 1}."
        for number, task in enumerate(_TASKS):
            path = f"{name}/{task}.safetensors"
            # Of every base, one model has all layers but the last one frozen.
            frozen = task == "number"
            finetune(
                folder / f"{name}/base.safetensors",
                task,
                folder / path,
                seed=100 * seed + number,
                trained=last if frozen else "",
            )
            yield MadeModel(path, (f"{name}/base.safetensors",), "finetune", 3 * seed + 1)
        for task, further in (("sentiment", "person"), ("topic", "topic")):
            path = f"{name}/{task}-{further}.safetensors"
            finetune(folder / f"{name}/{task}.safetensors", further, folder / path, seed=100 * seed + 50)
            yield MadeModel(path, (f"{name}/{task}.safetensors",), "finetune", 3 * seed + 2)
    newer = "aster/base-2.safetensors"
    train_base(folder / newer, seed=20, steps=60, start=folder / "aster/base.safetensors")
    yield MadeModel(newer, ("aster/base.safetensors",), "finetune", 9)
    finetune(folder / newer, "action", folder / "aster/action.safetensors", seed=60)
    yield MadeModel("aster/action.safetensors", (newer,), "finetune", 10)
