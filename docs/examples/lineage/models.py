"""A trunk that all models share, with a head a task, and the files that they're kept in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

#: Task → class of each digit from 0 to 9.
TASKS = {
    "digit": list(range(10)),
    "parity": [digit % 2 for digit in range(10)],
    "large": [int(digit >= 5) for digit in range(10)],
    "loops": [1, 0, 0, 0, 0, 0, 1, 0, 2, 1],
}

WIDTH = 256

# Small models are trained faster by one thread, and the same everywhere.
torch.set_num_threads(1)


class Classifier(nn.Module):
    """Two hidden layers, and a linear head for each task."""

    def __init__(self, tasks: list[str]) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU())
        self.heads = nn.ModuleDict({task: nn.Linear(WIDTH, max(TASKS[task]) + 1) for task in tasks})

    def forward(self, images: Tensor, task: str) -> Tensor:
        """Logits of images of shape (n, 8, 8)."""
        return self.heads[task](self.trunk(images.flatten(1)))


def read_data(path: str) -> tuple[Tensor, Tensor]:
    """Images of shape (n, 8, 8) and their labels."""
    with np.load(path) as data:
        return torch.from_numpy(data["images"]), torch.from_numpy(data["labels"])


def fit(model: nn.Module, images: Tensor, classes: Tensor, task: str, epochs: int, rate: float) -> None:
    """Train what requires gradients, with Adam, in batches of 64 that a seed decides."""
    order = torch.Generator().manual_seed(0)
    trained = [each for each in model.parameters() if each.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=rate)
    for _ in range(epochs):
        for batch in torch.randperm(len(images), generator=order).split(64):
            loss = nn.functional.cross_entropy(model(images[batch], task), classes[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def class_of(labels: Tensor, task: str) -> Tensor:
    """The classes that a task gives to digits."""
    return torch.tensor(TASKS[task])[labels]


def load(path: str) -> Classifier:
    """A model from its file; an adapter is added to its base, whose path its settings have."""
    values = load_file(path)
    tasks = {name.split(".")[1] for name in values if name.startswith("heads.")}
    model = Classifier(sorted(tasks))
    model.load_state_dict(values)
    return model


def save(model: nn.Module, path: str) -> None:
    """Write a model's values."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), path)
