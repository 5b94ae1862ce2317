"""A small digit classifier in plain numpy: real data and training, the same bits for a seed.

The model is a multi-layer perceptron over 8 by 8 images. Its parameters are a flat dictionary of
named float32 arrays, as in any checkpoint: `layers.0.weight` of shape (64, 512) and so on.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeAlias

from git_theta.demo.data import Digits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np

    from git_theta.demo.data import Array

    Params: TypeAlias = dict[str, Array]

#: Sizes of the layers, input first: about 330 000 parameters, 1.3 MB in float32.
SIZES = (64, 512, 512, 64, 10)

_BATCH = 64


def initial(seed: int = 0, sizes: Sequence[int] = SIZES) -> Params:
    """Untrained parameters: He-normal weights of shape (inputs, outputs), zero biases."""
    import numpy as np

    rng = np.random.default_rng(seed)
    params: Params = {}
    for index, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        scale = np.float32(np.sqrt(2 / inputs))
        params[f"layers.{index}.weight"] = rng.standard_normal((inputs, outputs), dtype=np.float32) * scale
        params[f"layers.{index}.bias"] = np.zeros(outputs, dtype=np.float32)
    return params


def accuracy(params: Mapping[str, Array], digits: Digits) -> float:
    """The share of images whose most likely class is their label, in 0..1."""
    logits = _forward(params, digits.images)[-1]
    return float((logits.argmax(axis=1) == digits.labels).mean())


def train(digits: Digits, *, epochs: int = 25, seed: int = 0) -> Params:
    """A model trained from scratch; a few seconds on one core."""
    return fine_tune(initial(seed), digits, epochs=epochs, learning_rate=1e-3, seed=seed)


def fine_tune(
    params: Mapping[str, Array],
    digits: Digits,
    *,
    layers: Sequence[int] | None = None,
    epochs: int = 5,
    learning_rate: float = 3e-4,
    seed: int = 0,
) -> Params:
    """Train further with Adam on shuffled mini-batches.

    Args:
        params: The parameters to start from; they aren't changed.
        digits: The training data.
        layers: The layers that train, negative ones counting from the output; `None` for all.
        epochs: Passes over the data.
        learning_rate: Adam's step size, decaying linearly to a tenth.
        seed: The seed of the order of mini-batches.

    Returns:
        New parameters; a frozen one is the same array as in `params`.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    count = len(layer_indices(params))
    trained = [name for name in params if layers is None or _layer(name) in {i % count for i in layers}]
    result = {name: value.copy() if name in trained else value for name, value in params.items()}
    step = _adam({name: result[name] for name in trained})
    total = epochs * -(-len(digits.labels) // _BATCH)
    for number, batch in enumerate(_batches(digits, epochs, rng)):
        rate = learning_rate * (1 - 0.9 * number / total)
        step(_gradients(result, batch, trained), rate)
    return result


def layer_indices(params: Mapping[str, Array]) -> list[int]:
    """Indices of the layers, from the input to the output."""
    return sorted({_layer(name) for name in params})


def _layer(name: str) -> int:
    return int(name.split(".")[1])


def _forward(params: Mapping[str, Array], images: Array) -> list[Array]:
    """The input of every layer, and the logits at the end."""
    import numpy as np

    activations = [images]
    indices = layer_indices(params)
    for index in indices:
        output = activations[-1] @ params[f"layers.{index}.weight"] + params[f"layers.{index}.bias"]
        activations.append(np.maximum(output, 0) if index != indices[-1] else output)
    return activations


def _gradients(params: Mapping[str, Array], batch: Digits, wanted: Sequence[str]) -> Params:
    """Gradients of the mean cross-entropy with respect to the wanted parameters."""
    import numpy as np

    *inputs, logits = _forward(params, batch.images)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    error = odds / odds.sum(axis=1, keepdims=True)
    error[np.arange(len(batch.labels)), batch.labels] -= 1
    error /= np.float32(len(batch.labels))
    gradients: Params = {}
    lowest = min(_layer(name) for name in wanted)
    for index in range(len(inputs) - 1, lowest - 1, -1):
        gradients[f"layers.{index}.weight"] = inputs[index].T @ error
        gradients[f"layers.{index}.bias"] = error.sum(axis=0)
        error = (error @ params[f"layers.{index}.weight"].T) * (inputs[index] > 0)
    return {name: gradients[name] for name in wanted}


def _batches(digits: Digits, epochs: int, rng: np.random.Generator) -> Iterator[Digits]:
    for _ in range(epochs):
        order = rng.permutation(len(digits.labels))
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            yield Digits(digits.images[chosen], digits.labels[chosen])


def _adam(params: Params, decay: float = 0.9, decay_square: float = 0.999) -> Callable[[Params, float], None]:
    """A function that updates the arrays in place, given their gradients and a learning rate."""
    import numpy as np

    mean = {name: np.zeros_like(value) for name, value in params.items()}
    square = {name: np.zeros_like(value) for name, value in params.items()}
    steps = 0

    def step(gradients: Params, rate: float) -> None:
        nonlocal steps
        steps += 1
        correction = np.float32(np.sqrt(1 - decay_square**steps) / (1 - decay**steps))
        for name, gradient in gradients.items():
            mean[name] += np.float32(1 - decay) * (gradient - mean[name])
            square[name] += np.float32(1 - decay_square) * (gradient * gradient - square[name])
            params[name] -= (
                np.float32(rate) * correction * mean[name] / (np.sqrt(square[name]) + np.float32(1e-8))
            )

    return step
