"""A small transformer: pre-trained on nine questions about sentences, then fine-tuned to answer one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from benchmarks.lineage.training.files import load, save
from benchmarks.lineage.training.language import LENGTH, TASKS, VOCABULARY, sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    Tensors = Mapping[str, torch.Tensor]

#: Sentences in a step of training.
_BATCH = 32

_HEADS = 4


class TextModel(nn.Module):
    """An encoder. Beside it, a file has a classifier if the model was fine-tuned.

    Args:
        width: Of the hidden states.
        layers: The number of layers.
    """

    def __init__(self, width: int = 128, layers: int = 4) -> None:
        super().__init__()
        self.width = width
        self.embeddings = nn.Embedding(VOCABULARY, width)
        self.positions = nn.Embedding(LENGTH, width)
        layer = nn.TransformerEncoderLayer(
            width, _HEADS, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        nn.init.normal_(self.embeddings.weight, std=0.05)
        nn.init.normal_(self.positions.weight, std=0.05)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Hidden states, shape (sentences, words, width)."""
        states: torch.Tensor = self.encoder(self.embeddings(words) + self.positions.weight)
        return states


def text_model(tensors: Tensors) -> TextModel:
    """The encoder in a file's tensors."""
    layers = {name.split(".")[2] for name in tensors if name.startswith("encoder.layers.")}
    model = TextModel(tensors["embeddings.weight"].shape[1], len(layers))
    own = {name: tensor.float() for name, tensor in tensors.items() if not name.startswith("classifier.")}
    model.load_state_dict(own)
    return model


def train_base(
    out: Path,
    *,
    seed: int = 0,
    steps: int = 250,
    width: int = 128,
    layers: int = 4,
    start: Path | None = None,
) -> None:
    """Pre-train a model on all questions at once, with classifiers that aren't kept.

    Args:
        out: The file to write.
        seed: Of the weights and the sentences.
        steps: Steps of training.
        width: Of the hidden states.
        layers: The number of layers.
        start: A model that is trained on, in place of a new one.
    """
    torch.manual_seed(seed)
    model = text_model(load(start)) if start else TextModel(width, layers)
    heads = nn.ModuleDict({task: nn.Linear(model.width, count) for task, count in TASKS.items()})

    def loss(step: int) -> torch.Tensor:
        batch = sentences(_BATCH, seed * 100_000 + step)
        states = model(torch.from_numpy(batch.words)).mean(dim=1)
        losses = [cross_entropy(heads[task](states), torch.from_numpy(batch.answers[task])) for task in TASKS]
        return torch.stack(losses).sum()

    optimise([*model.parameters(), *heads.parameters()], loss, steps, 2e-4 if start else 1e-3)
    save(model.state_dict(), out)


def finetune(
    base: Path,
    task: str,
    out: Path,
    *,
    seed: int = 0,
    steps: int = 24,
    rate: float = 5e-5,
    noise: float = 0.0,
    trained: str = "",
) -> None:
    """Train a model to answer a question.

    Args:
        base: The model's file; its classifier is kept if it has one for the task.
        task: The question, one of `TASKS`.
        out: The file to write.
        seed: Of the sentences and of a new classifier.
        steps: Steps of training.
        rate: The learning rate; that of a new classifier is a hundred times as large.
        noise: The share of words that are replaced.
        trained: The parameters of the encoder whose names begin so are trained; others are frozen.
    """
    torch.manual_seed(seed)
    tensors = load(base)
    model, head = text_model(tensors), classifier(tensors, task)
    new = "classifier.weight" not in tensors or tensors["classifier.weight"].shape[0] != TASKS[task]
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith(trained)

    def loss(step: int) -> torch.Tensor:
        batch = sentences(_BATCH, seed * 100_000 + 50_000 + step, noise)
        answers = torch.from_numpy(batch.answers[task])
        return cross_entropy(head(model(torch.from_numpy(batch.words)).mean(dim=1)), answers)

    groups = [
        {"params": [each for each in model.parameters() if each.requires_grad]},
        {"params": list(head.parameters()), "lr": 100 * rate if new else rate},
    ]
    optimise([group for group in groups if group["params"]], loss, steps, rate)
    save({**model.state_dict(), **head.state_dict(prefix="classifier.")}, out)


def classifier(tensors: Tensors, task: str) -> nn.Linear:
    """The classifier of a file; a new one if it's not for as many answers."""
    head = nn.Linear(tensors["embeddings.weight"].shape[1], TASKS[task])
    weight = tensors.get("classifier.weight")
    if weight is not None and weight.shape == head.weight.shape:
        head.load_state_dict({"weight": weight.float(), "bias": tensors["classifier.bias"].float()})
    return head


def accuracy(model: Path, task: str, *, count: int = 1000, seed: int = 7) -> float:
    """The share of sentences about which a model answers a question rightly."""
    tensors = load(model)
    batch = sentences(count, seed)
    with torch.no_grad():
        states = text_model(tensors)(torch.from_numpy(batch.words)).mean(dim=1)
        answers = classifier(tensors, task)(states).argmax(dim=1)
    return float((answers == torch.from_numpy(batch.answers[task])).float().mean())


def optimise(
    parameters: Iterable[nn.Parameter] | Iterable[dict[str, object]],
    loss: Callable[[int], torch.Tensor],
    steps: int,
    rate: float,
) -> None:
    """Train parameters with Adam, at a rate that falls linearly.

    Args:
        parameters: Parameters, or groups of them as of PyTorch's optimisers.
        loss: The number of a step, from 0 → the loss of its batch.
        steps: Steps of training.
        rate: The learning rate at the start.
    """
    optimiser = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.1, steps)
    for step in range(steps):
        optimiser.zero_grad()
        loss(step).backward()
        optimiser.step()
        schedule.step()
