"""The accuracy of a fine-tuned text model, without torch, which takes longer to load than to compute.

    python -m benchmarks.lineage.training.measure MODEL TASK

TASK may be a path whose first folder is the task.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.lineage.training.language import sentences

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Singles = NDArray[np.float32]

_HEADS, _TINY = 4, 1e-5


def accuracy(model: Path, task: str, *, count: int = 250, seed: int = 7) -> float:
    """The share of sentences about which a model answers a question rightly; as `text_model.accuracy`."""
    tensors = _read(model)
    batch = sentences(count, seed)
    states = _encoded(tensors, batch.words).mean(axis=1)
    scores = states @ tensors["classifier.weight"].T + tensors["classifier.bias"]
    return float((scores.argmax(axis=1) == batch.answers[task]).mean())


def _read(path: Path) -> dict[str, Singles]:
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    found = {}
    for name, field in json.loads(data[8:start]).items():
        if name != "__metadata__":
            begin, end = (start + offset for offset in field["data_offsets"])
            found[name] = np.frombuffer(data[begin:end], "<f4").reshape(field["shape"])
    return found


def _encoded(tensors: Mapping[str, Singles], words: NDArray[np.int64]) -> Singles:
    """Hidden states of an encoder, shape (sentences, words, width)."""
    states = tensors["embeddings.weight"][words] + tensors["positions.weight"]
    layers = {name.split(".")[2] for name in tensors if name.startswith("encoder.layers.")}
    for layer in sorted(layers, key=int):
        own = {
            name.removeprefix(f"encoder.layers.{layer}."): value
            for name, value in tensors.items()
            if name.startswith(f"encoder.layers.{layer}.")
        }
        states = states + _attention(own, _normed(states, own, "norm1"))
        inner = _linear(_normed(states, own, "norm2"), own["linear1.weight"], own["linear1.bias"])
        gelu = inner * 0.5 * (1 + np.tanh(0.7978845608 * (inner + 0.044715 * inner**3)))
        states = states + _linear(gelu, own["linear2.weight"], own["linear2.bias"])
    return _normed(states, tensors, "encoder.norm")


def _attention(own: Mapping[str, Singles], states: Singles) -> Singles:
    count, length, width = states.shape
    joint = _linear(states, own["self_attn.in_proj_weight"], own["self_attn.in_proj_bias"])
    split = joint.reshape(count, length, 3, _HEADS, width // _HEADS).transpose(2, 0, 3, 1, 4)
    query, key, value = split
    scores = query @ key.swapaxes(-1, -2) / np.float32((width // _HEADS) ** 0.5)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights /= weights.sum(axis=-1, keepdims=True)
    mixed = (weights @ value).transpose(0, 2, 1, 3).reshape(count, length, width)
    return _linear(mixed, own["self_attn.out_proj.weight"], own["self_attn.out_proj.bias"])


def _linear(states: Singles, weight: Singles, bias: Singles) -> Singles:
    found: Any = states @ weight.T + bias
    return np.asarray(found, np.float32)


def _normed(states: Singles, tensors: Mapping[str, Singles], name: str) -> Singles:
    centred = states - states.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(_TINY))
    return centred / spread * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


if __name__ == "__main__":
    print(json.dumps({"accuracy": accuracy(Path(sys.argv[1]), sys.argv[2].partition("/")[0])}))
