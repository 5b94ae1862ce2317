"""G5, many tasks: a base, and nine models of one training that have a trunk in common. 10 models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.lineage.shapes.made_model import MadeModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BASE = "base.safetensors"


def make(folder: Path) -> Iterator[MadeModel]:
    """Train the models."""
    import torch
    from torch.nn.functional import cross_entropy

    from benchmarks.lineage.training.files import load, save
    from benchmarks.lineage.training.language import TASKS, sentences
    from benchmarks.lineage.training.text_model import classifier, optimise, text_model, train_base

    train_base(folder / _BASE, seed=5)
    yield MadeModel(_BASE)
    tensors = load(folder / _BASE)
    torch.manual_seed(5)
    trunk, heads = text_model(tensors), {task: classifier(tensors, task) for task in TASKS}

    def loss(step: int) -> torch.Tensor:
        batch = sentences(32, 900_000 + step)
        states = trunk(torch.from_numpy(batch.words)).mean(dim=1)
        return torch.stack(
            [cross_entropy(heads[task](states), torch.from_numpy(batch.answers[task])) for task in TASKS]
        ).sum()

    weights = [parameter for head in heads.values() for parameter in head.parameters()]
    optimise([{"params": trunk.parameters()}, {"params": weights, "lr": 5e-3}], loss, 60, 5e-5)
    for task, head in heads.items():
        save({**trunk.state_dict(), **head.state_dict(prefix="classifier.")}, folder / f"{task}.safetensors")
        yield MadeModel(f"{task}.safetensors", (_BASE,), "finetune", 1)
