"""Distillation of a text model into one with fewer layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import mse_loss

from benchmarks.lineage.training.files import load
from benchmarks.lineage.training.language import sentences
from benchmarks.lineage.training.text_model import TextModel, optimise, text_model

if TYPE_CHECKING:
    from pathlib import Path


def distil(
    teacher: Path, *, layers: int, seed: int = 0, steps: int = 60, rate: float = 2e-4
) -> dict[str, torch.Tensor]:
    """Train a smaller model to have a teacher's hidden states; like DistilBERT, it begins with its layers.

    Args:
        teacher: The teacher's file.
        layers: The number of layers of the student.
        seed: Of the sentences.
        steps: Steps of training.
        rate: The learning rate.

    Returns:
        The student's tensors.
    """
    torch.manual_seed(seed)
    tensors = load(teacher)
    large = text_model(tensors)
    small = TextModel(large.width, layers)
    every = len(large.encoder.layers) // layers
    small.load_state_dict({name: tensors[_teacher_name(name, every)] for name in small.state_dict()})

    def loss(step: int) -> torch.Tensor:
        words = torch.from_numpy(sentences(32, seed * 100_000 + step).words)
        with torch.no_grad():
            wanted = large(words)
        return mse_loss(small(words), wanted)

    optimise(small.parameters(), loss, steps, rate)
    return small.state_dict()


def _teacher_name(name: str, every: int) -> str:
    parts = name.split(".")
    if parts[:2] == ["encoder", "layers"]:
        parts[2] = str(int(parts[2]) * every)
    return ".".join(parts)
