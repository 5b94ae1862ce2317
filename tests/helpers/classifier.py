"""A small classifier that is really trained, by numpy alone; and the program that measures it."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[np.float32]]

INPUTS, HIDDEN, CLASSES = 16, 32, 8

#: A program that prints accuracy and loss of a safetensors file on examples of a task: MODEL TASK. It does
#: without numpy, which takes longer to load than these examples.
MEASURE = f"""
import json, math, struct, sys
from random import Random

data = open(sys.argv[1], "rb").read()
size = int.from_bytes(data[:8], "little")
weights = {{}}
for name, entry in json.loads(data[8 : 8 + size]).items():
    start, end = (8 + size + offset for offset in entry["data_offsets"])
    numbers = struct.unpack(f"<{{(end - start) // 4}}f", data[start:end])
    width = entry["shape"][-1]
    weights[name] = [numbers[at : at + width] for at in range(0, len(numbers), width)]


def matrix(random, rows, columns):
    return [[random.gauss(0, 1) for _ in range(columns)] for _ in range(rows)]


def product(rows, vector):
    return [sum(map(float.__mul__, row, vector)) for row in rows]


teacher = matrix(Random(int(sys.argv[2])), {CLASSES}, {INPUTS})
right, loss, examples = 0, 0.0, matrix(Random(999), 200, {INPUTS})
for example in examples:
    wanted = product(teacher, example)
    label = wanted.index(max(wanted))
    hidden = product(weights["hidden.weight"], example)
    hidden = [max(each + bias, 0.0) for each, bias in zip(hidden, weights["hidden.bias"][0])]
    scores = product(weights["head.weight"], hidden)
    most = max(scores)
    right += scores.index(most) == label
    loss += math.log(sum(math.exp(score - most) for score in scores)) + most - scores[label]
print(json.dumps({{"accuracy": right / len(examples), "loss": loss / len(examples)}}))
"""


def untrained() -> Weights:
    """A classifier at the start of its training."""
    random = np.random.default_rng(0)
    return _single(
        {
            "hidden.weight": random.standard_normal((HIDDEN, INPUTS)) / INPUTS**0.5,
            "hidden.bias": np.zeros(HIDDEN),
            "head.weight": random.standard_normal((CLASSES, HIDDEN)) / HIDDEN**0.5,
        }
    )


def trained(weights: Weights, task: int, steps: int = 120, rate: float = 1.0) -> Weights:
    """A classifier after training on a task: classes are the largest of eight random projections.

    Args:
        weights: The classifier before.
        task: The seed of the projections.
        steps: Steps of gradient descent on 500 examples.
        rate: The learning rate.
    """
    random = Random(task)
    teacher = np.array([[random.gauss(0, 1) for _ in range(INPUTS)] for _ in range(CLASSES)])
    x = np.random.default_rng(task).standard_normal((500, INPUTS))
    wanted = np.eye(CLASSES)[(x @ teacher.T).argmax(1)]
    now: dict[str, Any] = {name: value.astype("f8") for name, value in weights.items()}
    for _ in range(steps):
        hidden = np.maximum(x @ now["hidden.weight"].T + now["hidden.bias"], 0)
        scores = hidden @ now["head.weight"].T
        shares = np.exp(scores - scores.max(1, keepdims=True))
        shares /= shares.sum(1, keepdims=True)
        error = (shares - wanted) / len(x)
        back = (error @ now["head.weight"]) * (hidden > 0)
        now["head.weight"] -= rate * error.T @ hidden
        now["hidden.weight"] -= rate * back.T @ x
        now["hidden.bias"] -= rate * back.sum(0)
    return _single(now)


def _single(weights: dict[str, Any]) -> Weights:
    return {name: np.asarray(value, "<f4") for name, value in weights.items()}
