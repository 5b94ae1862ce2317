"""G4, pruning: two networks, each pruned by magnitude and trained on, five times in a row. 12 models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.lineage.shapes.made_model import MadeModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import torch

_SHARES = (0.5, 0.7, 0.8, 0.9, 0.95)


def make(folder: Path) -> Iterator[MadeModel]:
    """Train the models."""
    from benchmarks.lineage.training.files import save
    from benchmarks.lineage.training.image_model import ImageModel, train_images

    for network in range(2):
        current = train_images(None, seed=30 + network, steps=60, rate=0.02)
        parent = f"network-{network}/dense.safetensors"
        save(current, folder / parent)
        yield MadeModel(parent)
        for step, share in enumerate(_SHARES, 1):
            masks = kept(current, share)

            def prune(model: ImageModel, masks: dict[str, torch.Tensor] = masks) -> None:
                for name, parameter in model.named_parameters():
                    if name in masks:
                        parameter.data *= masks[name]

            start = {name: tensor * masks.get(name, 1) for name, tensor in current.items()}
            current = train_images(start, seed=40 + network, steps=20, rate=0.002, after_step=prune)
            path = f"network-{network}/pruned-{share:.0%}.safetensors".replace("%", "")
            save(current, folder / path)
            yield MadeModel(path, (parent,), "pruned", step)
            parent = path


def kept(tensors: dict[str, torch.Tensor], share: float) -> dict[str, torch.Tensor]:
    """Masks of the weights that stay, of each matrix.

    Args:
        tensors: The model.
        share: The share of the weights that become zero: those of the least magnitude.
    """
    masks = {}
    for name, tensor in tensors.items():
        if tensor.ndim > 1:
            least = tensor.abs().flatten().kthvalue(max(1, int(share * tensor.numel()))).values
            masks[name] = (tensor.abs() > least).float()
    return masks
