"""A LoRA of the text model: factors that are trained while the weights are frozen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import parametrize

from benchmarks.lineage.training.files import load
from benchmarks.lineage.training.language import sentences
from benchmarks.lineage.training.text_model import classifier, optimise, text_model

if TYPE_CHECKING:
    from pathlib import Path


class _Added(nn.Module):
    """A matrix to which a product of two factors is added."""

    def __init__(self, outputs: int, inputs: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Parameter(torch.randn(rank, inputs) / inputs**0.5)
        self.up = nn.Parameter(torch.zeros(outputs, rank))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + self.up @ self.down


def train_adapter(
    base: Path, task: str, *, seed: int = 0, steps: int = 40, rank: int = 4
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Train factors for both linear layers of each block, and a classifier that is thrown away.

    Args:
        base: The model's file.
        task: The question.
        seed: Of the factors and the sentences.
        steps: Steps of training.
        rank: Of the factors.

    Returns:
        The factors under PEFT's names, and the encoder with their products added.
    """
    torch.manual_seed(seed)
    tensors = load(base)
    model, head = text_model(tensors), classifier(tensors, task)
    model.requires_grad_(False)
    added: dict[str, _Added] = {}
    for name, layer in model.named_modules():
        if name.rpartition(".")[2] in ("linear1", "linear2"):
            assert isinstance(layer, nn.Linear)
            added[name] = _Added(*layer.weight.shape, rank)
            parametrize.register_parametrization(layer, "weight", added[name])

    def loss(step: int) -> torch.Tensor:
        batch = sentences(32, seed * 100_000 + 70_000 + step)
        states = model(torch.from_numpy(batch.words)).mean(dim=1)
        return cross_entropy(head(states), torch.from_numpy(batch.answers[task]))

    factors = [parameter for each in added.values() for parameter in each.parameters()]
    optimise([*factors, *head.parameters()], loss, steps, 2e-3)
    merged = {name: tensor.clone() for name, tensor in tensors.items()}
    adapter = {}
    for name, each in added.items():
        merged[f"{name}.weight"] = (tensors[f"{name}.weight"] + each.up @ each.down).detach()
        adapter[f"base_model.model.{name}.lora_A.weight"] = each.down.detach()
        adapter[f"base_model.model.{name}.lora_B.weight"] = each.up.detach()
    return adapter, merged
