"""A small convolutional network, and generated images of ten kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, cross_entropy, relu

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Tensors = Mapping[str, torch.Tensor]
    Images = tuple[torch.Tensor, torch.Tensor]

#: The number of kinds of images, and the sides of an image in pixels.
KINDS, SIDE = 10, 16

_BATCH = 32


class ImageModel(nn.Module):
    """Three convolutions and two linear layers: 620,000 parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3, padding=1)
        self.second = nn.Conv2d(32, 64, 3, padding=1)
        self.third = nn.Conv2d(64, 128, 3, padding=1)
        self.hidden = nn.Linear(128 * 4, 1024)
        self.output = nn.Linear(1024, KINDS)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Scores of the kinds, shape (images, `KINDS`)."""
        states = images
        for layer in (self.first, self.second, self.third):
            states = avg_pool2d(relu(layer(states)), 2)
        scores: torch.Tensor = self.output(relu(self.hidden(states.flatten(1))))
        return scores


def image_model(tensors: Tensors) -> ImageModel:
    """The model with the tensors of a file."""
    model = ImageModel()
    model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return model


def images(count: int, seed: int, kinds: Sequence[int] = range(KINDS)) -> Images:
    """Random images: a blurred pattern for each kind, shifted and with noise.

    Args:
        count: The number of images.
        seed: Of the random numbers.
        kinds: The kinds to draw from.

    Returns:
        Images of shape (count, 1, `SIDE`, `SIDE`), and their kinds.
    """
    patterns = (
        np.random.default_rng(0).standard_normal((KINDS, SIDE // 2, SIDE // 2)).repeat(2, 1).repeat(2, 2)
    )
    random = np.random.default_rng(seed)
    chosen = random.choice(np.array(kinds), count)
    shifts = random.integers(-2, 3, (count, 2))
    shifted = [np.roll(patterns[kind], shift, (0, 1)) for kind, shift in zip(chosen, shifts, strict=True)]
    noisy = np.stack(shifted) + random.standard_normal((count, SIDE, SIDE))
    return torch.from_numpy(noisy[:, None].astype(np.float32)), torch.from_numpy(chosen)


def train_images(
    tensors: Tensors | None,
    *,
    seed: int,
    steps: int,
    rate: float,
    kinds: Sequence[int] = range(KINDS),
    after_step: Callable[[ImageModel], None] | None = None,
) -> dict[str, torch.Tensor]:
    """Train a model with plain gradient descent, as clients of a federation do.

    Args:
        tensors: The model to start from; `None` for a new one.
        seed: Of a new model and of the images.
        steps: Steps of training.
        rate: The learning rate.
        kinds: The kinds of images to train on.
        after_step: Called with the model after each step; `None` for nothing.

    Returns:
        The tensors of the trained model.
    """
    torch.manual_seed(seed)
    model = image_model(tensors) if tensors else ImageModel()
    optimiser = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)
    for step in range(steps):
        batch, chosen = images(_BATCH, seed * 100_000 + step, kinds)
        optimiser.zero_grad()
        cross_entropy(model(batch), chosen).backward()
        optimiser.step()
        if after_step:
            after_step(model)
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def image_accuracy(tensors: Tensors, *, count: int = 1000, seed: int = 7) -> float:
    """The share of images whose kind a model tells."""
    batch, chosen = images(count, seed)
    with torch.no_grad():
        return float((image_model(tensors)(batch).argmax(dim=1) == chosen).float().mean())
