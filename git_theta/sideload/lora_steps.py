"""LoRA adapters: products of factors that are added to weights, with biases and magnitudes beside them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.sideload.adapted_model import AdaptedModel
from git_theta.sideload.adapter_settings import HINT
from git_theta.sideload.given_update import GivenUpdate
from git_theta.sideload.magnitudes import Magnitudes
from git_theta.updates.array import Array
from git_theta.updates.low_rank import LowRank
from git_theta.updates.sparse import Sparse
from git_theta.updates.sparse_given import every_element

#: Parts of a module's LoRA, as PEFT names them. Factors of embeddings have names of their own.
DOWN, UP = "lora_A.weight", "lora_B.weight"
EMBEDDING_DOWN, EMBEDDING_UP = "lora_embedding_A", "lora_embedding_B"
UP_BIAS, MAGNITUDE = "lora_B.bias", "lora_magnitude_vector"

#: The parameters of a module that factors may be for: that of PyTorch's attention has another name.
_WEIGHTS = ("weight", "in_proj_weight")


@dataclass(frozen=True, slots=True)
class Factors:
    """The factors of a product `up @ down`, of one dtype.

    Attributes:
        down: Rank by inputs.
        up: Outputs by rank.
        rank: The rank.
    """

    down: Array
    up: Array
    rank: int


def factors_of(module: str, down: Array, up: Array) -> Factors:
    """The factors of a module, as matrices or kernels.

    Raises:
        UsageError: They have no product.
    """
    if min(len(down.spec.shape), len(up.spec.shape)) < 2 or 0 in down.spec.shape + up.spec.shape:
        raise UsageError(f"the adapter's factors of {module!r} have shapes that aren't those of matrices")
    dtype = down.spec.dtype if down.spec.dtype == up.spec.dtype else "F64"
    return Factors(down.as_dtype(dtype), up.as_dtype(dtype), down.spec.shape[0])


def lora_steps(
    model: AdaptedModel, module: str, parts: Mapping[str, Array]
) -> dict[str, tuple[GivenUpdate, ...]]:
    """The updates of a module's weight and bias that its LoRA amounts to, by their names.

    Args:
        model: The settings and the checkpoint.
        module: Name of the module.
        parts: Its tensors.

    Raises:
        UsageError: A part is lacking, or they don't fit the checkpoint.
    """
    embedding = EMBEDDING_DOWN in parts or EMBEDDING_UP in parts
    keys = (EMBEDDING_DOWN, EMBEDDING_UP) if embedding else (DOWN, UP)
    others = parts.keys() - set(keys)
    if not set(keys) <= parts.keys() or others - {UP_BIAS, MAGNITUDE}:
        lacking = [key for key in keys if key not in parts]
        problem = f"it lacks {', '.join(lacking)}" if lacking else f"it has {', '.join(sorted(others))}, too"
        raise UsageError(f"the adapter's factors of {module!r} aren't a pair: {problem}")
    factors = factors_of(module, *(parts[key] for key in keys))
    target = _target(model, module)
    scale = model.scale(module, factors.rank)
    product, outputs = _product(factors, scale, embedding or model.flipped, model.specs[target], module)
    steps = [product]
    if model.config and (MAGNITUDE in parts) != bool(model.config.get("use_dora")):
        state = "has" if MAGNITUDE in parts else "lacks"
        raise UsageError(f"the adapter {state} {MAGNITUDE} of {module!r}, and use_dora says otherwise", HINT)
    if MAGNITUDE in parts:
        steps.append(GivenUpdate(Magnitudes(outputs), {"magnitude": parts[MAGNITUDE]}))
    found = {target: tuple(steps)}
    if UP_BIAS in parts:
        bias = model.bias(target)
        numbers = parts[UP_BIAS].numbers().reshape(-1) * scale
        if bias is None or model.specs[bias].count != len(numbers):
            raise UsageError(f"the adapter has a bias for {module!r}, and the checkpoint hasn't", HINT)
        given = every_element(numbers, parts[UP_BIAS].name, model.specs[bias])
        found[bias] = (GivenUpdate(Sparse(), given),)
    return found


def _target(model: AdaptedModel, module: str) -> str:
    found = (model.names.find(f"{module}.{name}") for name in _WEIGHTS)
    return next((name for name in found if name), "") or model.names.get(f"{module}.weight")


def check_orientations(model: AdaptedModel, modules: Mapping[str, Mapping[str, Array]]) -> None:
    """Check that square weights are oriented as the settings say, as far as other weights tell.

    PEFT sets `fan_in_fan_out` for each module by its type, and saves the last one's. So square weights are
    undecided in a model that has both types.

    Args:
        model: The settings and the checkpoint.
        modules: Name of a module → the parts of its LoRA.

    Raises:
        UsageError: Another weight is oriented otherwise.
    """
    square, others = [], []
    for module, parts in modules.items():
        spec = model.specs[_target(model, module)] if parts.keys() >= {DOWN, UP} else None
        if spec and len(spec.shape) == 2:
            fits = _orientations(factors_of(module, parts[DOWN], parts[UP]), spec)
            if len(fits) > 1:
                square.append(module)
            elif fits and fits[0] != int(model.flipped):
                others.append(module)
    if square and others:
        raise UsageError(
            f"the adapter's fan_in_fan_out isn't that of {others[0]!r}, so the orientation of {square[0]!r}, "
            "whose weight is square, isn't known",
            HINT,
        )


def _product(
    factors: Factors, scale: float, flipped: bool, spec: TensorSpec, module: str
) -> tuple[GivenUpdate, int]:
    """The product in the orientation that the parameter has, and the parameter's dimension of outputs."""
    fits = _orientations(factors, spec)
    if not fits:
        shapes = f"{list(factors.down.spec.shape)} and {list(factors.up.spec.shape)}"
        raise UsageError(
            f"the adapter's factors of {module!r} have shapes {shapes}, "
            f"which don't fit the parameter's {list(spec.shape)}",
            HINT,
        )
    # PEFT ignores a wrong `fan_in_fan_out` for a module whose shape fits in one orientation only.
    outputs = int(flipped) if len(fits) > 1 else fits[0]
    up = factors.up.reshaped(factors.up.spec.shape[0], factors.rank)
    down = factors.down.reshaped(factors.rank, math.prod(factors.down.spec.shape[1:]))
    given = {"R": down.transposed(), "C": up.transposed()} if outputs else {"R": up, "C": down}
    return GivenUpdate(LowRank(scale), given), outputs


def _orientations(factors: Factors, spec: TensorSpec) -> tuple[int, ...]:
    """The dimensions of a parameter that may be that of outputs: 0, 1, both or none.

    A convolution's kernel is a matrix by its outputs, if `up` is a convolution of kernel size 1.
    """
    outs, inner, *ones = factors.up.spec.shape
    _, *ins = factors.down.spec.shape
    if factors.rank != inner or set(ones) - {1}:
        return ()
    shapes = [(outs, *ins), *([(*ins, outs)] if len(ins) == 1 else [])]
    return tuple(dimension for dimension, shape in enumerate(shapes) if spec.shape == shape)
