"""Parameters of common architectures, as entries of manifests: names and shapes as libraries have them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from git_theta.model.manifest import Entry
from git_theta.model.tensor import TensorSpec
from tests.helpers.manifests import entry

#: Name of a module in a layer of BERT → shape of its weight.
_LAYER = {
    "attention.self.query": (8, 8),
    "attention.self.key": (8, 8),
    "attention.self.value": (8, 8),
    "attention.output.dense": (8, 8),
    "attention.output.LayerNorm": (8,),
    "intermediate.dense": (32, 8),
    "output.dense": (8, 32),
    "output.LayerNorm": (8,),
}


def bert(layers: int = 3, prefix: str = "bert.", classes: int = 2) -> dict[str, Entry]:
    """Name → entry of the parameters of a BERT with a classifier; each has a value of its own."""
    shapes = {
        f"{prefix}embeddings.word_embeddings.weight": (100, 8),
        f"{prefix}embeddings.position_embeddings.weight": (64, 8),
        f"{prefix}embeddings.LayerNorm.weight": (8,),
        f"{prefix}embeddings.LayerNorm.bias": (8,),
        f"{prefix}pooler.dense.weight": (8, 8),
        f"{prefix}pooler.dense.bias": (8,),
        "classifier.weight": (classes, 8),
    }
    for layer in range(layers):
        for name, shape in _LAYER.items():
            start = f"{prefix}encoder.layer.{layer}.{name}"
            shapes |= {f"{start}.weight": shape, f"{start}.bias": shape[:1]}
    return entries(shapes)


def entries(shapes: Mapping[str, tuple[int, ...]], seed: str = "") -> dict[str, Entry]:
    """Name → entry of F32 parameters; values are told apart by name, shape and seed."""
    return {name: with_value(name, shape, seed) for name, shape in shapes.items()}


def with_value(name: str, shape: tuple[int, ...], seed: str = "") -> Entry:
    """An F32 parameter whose value is told apart by name, shape and seed."""
    digest = hashlib.sha256(f"{name} {shape} {seed}".encode()).hexdigest()
    return entry(name, digest, spec=TensorSpec("F32", shape))


def tuned(model: Mapping[str, Entry], *parts: str, seed: str = "tuned") -> dict[str, Entry]:
    """The model with other values where a name has one of these parts."""
    return {
        name: with_value(name, each.spec.shape, seed) if any(part in name for part in parts) else each
        for name, each in model.items()
    }


def renamed(model: Mapping[str, Entry], old: str, new: str) -> dict[str, Entry]:
    """The model with names in which a part is replaced; values stay."""
    return {
        name.replace(old, new): Entry(name.replace(old, new), each.spec, each.digest, each.source)
        for name, each in model.items()
    }
