"""Models in files: safetensors, as trainers write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import safetensors.torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch


def save(tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    safetensors.torch.save_file(contiguous, path, {"format": "pt"})


def load(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a file."""
    found: dict[str, torch.Tensor] = safetensors.torch.load_file(path)
    return found
