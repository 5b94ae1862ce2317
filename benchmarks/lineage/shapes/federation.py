"""G3, a federation: in each of ten rounds, five clients train the global model; their mean is the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.lineage.shapes.made_model import MadeModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ROUNDS, _CLIENTS = 10, 5


def make(folder: Path) -> Iterator[MadeModel]:
    """Train the models. Each client has images of four of the ten kinds. 61 models."""
    import torch

    from benchmarks.lineage.training.files import save
    from benchmarks.lineage.training.image_model import KINDS, train_images

    current, path = train_images(None, seed=1, steps=40, rate=0.02), "global-00.safetensors"
    save(current, folder / path)
    yield MadeModel(path)
    for number in range(1, _ROUNDS + 1):
        trained, clients = [], []
        for client in range(_CLIENTS):
            kinds = [(2 * client + offset) % KINDS for offset in range(4)]
            seed = 100 * number + client
            trained.append(train_images(current, seed=seed, steps=12, rate=0.005, kinds=kinds))
            clients.append(f"round-{number:02}/client-{client}.safetensors")
            save(trained[-1], folder / clients[-1])
            yield MadeModel(clients[-1], (path,), "federated", 2 * number - 1)
        current = {name: torch.stack([each[name] for each in trained]).mean(dim=0) for name in current}
        path = f"global-{number:02}.safetensors"
        save(current, folder / path)
        yield MadeModel(path, tuple(clients), "merge", 2 * number)
