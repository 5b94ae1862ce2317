"""Families of models for tests of inference: a tree of derivations, with the truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from git_theta.lineage.inference.sampled_model import SampledModel
from git_theta.lineage.model_digest import model_digest
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, Source
from git_theta.model.tensor import TensorSpec

Arrays = dict[str, NDArray[Any]]

_DTYPES = {"float32": "F32", "float16": "F16", "int8": "I8", "uint8": "U8"}

_SHAPES = {
    **{f"l.{i}.weight": (48, 48) for i in range(4)},
    **{f"l.{i}.bias": (48,) for i in range(4)},
    **{f"l.{i}.norm.weight": (48,) for i in range(4)},
}


@dataclass(frozen=True)
class Family:
    """Models and the truth about them.

    Attributes:
        models: Name → arrays, in the order in which they were made.
        parents: Name → names of parents.
    """

    models: Mapping[str, Arrays]
    parents: Mapping[str, tuple[str, ...]]

    @property
    def edges(self) -> set[tuple[str, str]]:
        """Pairs of child and parent."""
        return {(child, parent) for child, above in self.parents.items() for parent in above}


def base(random: np.random.Generator) -> Arrays:
    """A new model."""
    found: Arrays = {}
    for name, shape in _SHAPES.items():
        value = random.standard_normal(shape) * 0.05
        found[name] = (value + 1 if "norm" in name else value).astype("f4")
    return found


def tuned(random: np.random.Generator, model: Arrays, size: float = 0.02) -> Arrays:
    """A fine-tune: every element changes by a share of its parameter's deviation."""
    found = {}
    for name, value in model.items():
        step = size * float(value.std()) * random.standard_normal(value.shape)
        found[name] = (value + step).astype(value.dtype)
    return found


def frozen(random: np.random.Generator, model: Arrays) -> Arrays:
    """A fine-tune of the last layer."""
    new = tuned(random, model, 0.1)
    return {name: new[name] if name.startswith("l.3") else value for name, value in model.items()}


def low_rank(random: np.random.Generator, model: Arrays) -> Arrays:
    """A merged LoRA."""
    found = dict(model)
    for name, value in model.items():
        if value.ndim == 2:
            product = random.standard_normal((48, 4)) @ random.standard_normal((4, 48)) / 2
            found[name] = (value + 0.03 * float(value.std()) * product).astype("f4")
    return found


def pruned(random: np.random.Generator, model: Arrays) -> Arrays:
    """A model whose smaller weights are zero."""
    share = random.uniform(0.4, 0.8)
    found = dict(model)
    for name, value in model.items():
        if value.ndim == 2:
            found[name] = np.where(np.abs(value) < np.quantile(np.abs(value), share), 0, value).astype("f4")
    return found


def halved(_random: np.random.Generator, model: Arrays) -> Arrays:
    """A copy in half precision."""
    return {name: value.astype("f2") for name, value in model.items()}


def quantised(_random: np.random.Generator, model: Arrays) -> Arrays:
    """A copy in int8, with a scale for each row."""
    found: Arrays = {}
    for name, value in model.items():
        found[name] = value
        if value.ndim == 2:
            scale = np.abs(value).max(axis=1, keepdims=True) / 127
            found[name] = np.round(value / scale).astype("i1")
            found[f"{name}_scale"] = scale.astype("f4")
    return found


def mixed(one: Arrays, other: Arrays, weight: float) -> Arrays:
    """A weighted sum of two models."""
    return {name: (weight * one[name] + (1 - weight) * other[name]).astype("f4") for name in one}


CHANGES: Mapping[str, Callable[[np.random.Generator, Arrays], Arrays]] = {
    "finetune": tuned,
    "frozen": frozen,
    "lora": low_rank,
    "pruned": pruned,
    "halved": halved,
}


def random_family(seed: int, size: int, *, prefix: str = "") -> Family:
    """A family of fine-tunes, merged LoRAs, pruned models, copies in half precision, and merges."""
    random = np.random.default_rng(seed)
    names = [f"{prefix}m{number:02}" for number in random.permutation(size)]
    models, parents = {names[0]: base(random)}, {names[0]: ()}
    kinds = {names[0]: "base"}
    plain = ("finetune", "finetune", "finetune", "frozen", "lora")
    while len(models) < size:
        name = names[len(models)]
        full = [each for each in models if kinds[each] not in ("halved", "pruned")]
        kind = str(random.choice([*plain, "pruned", "halved", "merge"]))
        if kind == "merge":
            siblings = [each for each in full if parents[each] == (names[0],) and kinds[each] != "frozen"]
            if len(siblings) < 2:
                continue
            one, other = random.choice(siblings, 2, replace=False)
            models[name] = mixed(models[one], models[other], float(random.uniform(0.3, 0.7)))
            parents[name] = (str(one), str(other))
        else:
            parent = str(random.choice(full))
            if kind in ("halved", "pruned") and any(
                kinds[each] == kind and parents[each] == (parent,) for each in models
            ):
                continue
            models[name] = CHANGES[kind](random, models[parent])
            parents[name] = (parent,)
        kinds[name] = kind
    return Family(models, parents)


def sampled(name: str, arrays: Arrays, first_seen: int | None = None) -> SampledModel:
    """A model with all elements of its larger parameters as samples."""
    entries: dict[str, Entry] = {}
    samples = {}
    for key, array in arrays.items():
        spec = TensorSpec(_DTYPES[str(array.dtype)], array.shape)
        value = digest(np.ascontiguousarray(array).tobytes())
        entries[key] = Entry(key, spec, value, Source("none", None))
        if spec.count >= 512:
            samples[value] = array.reshape(-1).astype("f4")
    return SampledModel(name, model_digest(entries.values()), entries, samples, first_seen)
