"""Types of modules, told by the shapes of their parameters and by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

Shape = tuple[int, ...]

#: Parts of names of tables whose rows are looked up.
_EMBEDDING: Final = re.compile(r"emb|\bw[tp]e\b|relative_attention_bias|\bshared\Z", re.IGNORECASE)

#: Ends of names of matrices that are multiplied with each other: LoRA's and others' factors.
_FACTOR: Final = re.compile(r"(?:lora|hada|lokr|loha)_", re.IGNORECASE)

_STATISTICS: Final = frozenset(("running_mean", "running_var", "moving_mean", "moving_variance"))

_WEIGHTS: Final = ("weight", "kernel", "weight_orig", "weight_v", "weight_g", "w", "gamma", "scale")

_NORM_WEIGHTS: Final = frozenset(("gamma", "scale"))


def module_type(name: str, shapes: Mapping[str, Shape]) -> str:
    """The type of a module, such as `linear`, `conv`, `norm`, `embedding`, `attention` or `recurrent`.

    Types are guesses: `linear` for a matrix, `norm` for a vector of weights, `tensor` for what isn't known.

    Args:
        name: Name of the module.
        shapes: Name of a parameter within the module → its shape.
    """
    if any(key.startswith(("in_proj_", "q_proj_")) for key in shapes):
        return "attention"
    if any("_hh" in key or key.startswith("recurrent_") for key in shapes):
        return "recurrent"
    if shapes.keys() & _STATISTICS:
        return "norm"
    if shapes.keys() <= {"bias", "beta", "b"}:
        return "bias"
    if shapes.keys() & {"embedding", "embeddings"}:
        return "embedding"
    weight = next((shapes[key] for key in _WEIGHTS if key in shapes), None)
    if weight is None:
        return _free_type(name, next(iter(shapes.values())))
    return _weight_type(name, weight, is_norm=bool(shapes.keys() & _NORM_WEIGHTS))


def _weight_type(name: str, shape: Shape, *, is_norm: bool) -> str:
    if len(shape) <= 1:
        return "norm"
    if len(shape) == 2:
        last = name[max(name.rfind("."), name.rfind("/")) + 1 :]
        if _FACTOR.search(name):
            return "factor"
        return "embedding" if _EMBEDDING.search(last) else "linear"
    return "tensor" if is_norm else "conv"


def _free_type(name: str, shape: Shape) -> str:
    """The type of a parameter that has no usual name: `embedding` by its name, else by its dimensions."""
    if _FACTOR.search(name):
        return "factor"
    if len(shape) >= 2 and _EMBEDDING.search(name):
        return "embedding"
    return {0: "scalar", 1: "vector", 2: "matrix"}.get(len(shape), "tensor")
