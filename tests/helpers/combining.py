"""Models to combine, in files of tests."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from git_theta.combine.combination import CombinedValues
from git_theta.combine.files import open_file
from git_theta.combine.model import Model
from git_theta.combine.plan import Choices, plan_combination
from git_theta.combine.write import write_combination
from git_theta.merging.rule_text import parse_rule
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Input
from tests.helpers.checkpoints import safetensors_bytes

Weights = dict[str, NDArray[Any]]

#: Names of a small model with two layers.
NAMES = ("embed.weight", *(f"layers.{i}.{part}.weight" for i in range(2) for part in ("attn", "mlp")))


def weights(seed: int, dtype: str = "f4", names: tuple[str, ...] = NAMES) -> Weights:
    random = np.random.default_rng(seed)
    return {name: random.standard_normal((6, 5)).astype(dtype) for name in names}


def model_file(folder: Path, name: str, values: Weights, **metadata: str) -> Path:
    path = folder / name
    path.write_bytes(safetensors_bytes(values, metadata or None))
    return path


def no_side_files(_path: str, _name: str) -> tuple[TensorSpec, Input]:
    raise AssertionError("no strategy of these tests reads side files")


def opened(stack: ExitStack, *paths: Path) -> list[Model]:
    return [open_file(path, path.name, 2, stack) for path in paths]


def combined(
    folder: Path,
    *paths: Path,
    base: Path | None = None,
    rules: tuple[str, ...] = ("average",),
    **choices: Any,
) -> Path:
    """The file of a combination of models in files."""
    out = folder / "combined"
    with ExitStack() as stack:
        models = opened(stack, *paths)
        before = opened(stack, base)[0] if base else None
        made = plan_combination(models, before, Choices(tuple(map(parse_rule, rules)), **choices))
        write_combination(made, CombinedValues(made, no_side_files), out, threads=2)
    return out


def loaded(path: Path) -> Weights:
    return dict(load_file(path))
