"""The tensors of one LoRA in a model: its factors, what is beside them, and the scale of their product."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from git_theta.adapters.factor_names import ALPHA, DIAGONAL, DOWN, UP, FactorName, factor_name
from git_theta.adapters.lora_settings import lora_settings
from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.groups import GroupCase, GroupVersion
from git_theta.updates.rounding import ARITHMETIC

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.strategies.factor_products import Product
    from git_theta.strategies.groups import Values

#: Parts that each module's LoRA has.
_PAIR = frozenset((DOWN, UP))


def place_of(name: str) -> FactorName:
    """The place of a tensor in its LoRA.

    Raises:
        UsageError: It isn't a tensor of one.
    """
    found = factor_name(name)
    if found is None:
        raise UsageError(f"parameter {name!r} isn't a LoRA factor")
    return found


def part_of(name: str) -> str:
    """The part of the LoRA that a tensor is."""
    return place_of(name).part


def module_of(case: GroupCase) -> str:
    """Name of the adapted module, as patterns of the settings match it."""
    return place_of(next(iter(present(case)[0].specs))).adapted


def present(case: GroupCase) -> list[GroupVersion]:
    """The models that have the LoRA: at least one."""
    return [version for version in case.models if version.specs]


def check_version(version: GroupVersion, module: str) -> None:
    """Check that the tensors are one pair of factors of matrices, and what may be beside them.

    Args:
        version: The LoRA in one model.
        module: Name of the adapted module.

    Raises:
        UsageError: They aren't.
    """
    parts = [part_of(name) for name in version.specs]
    if DIAGONAL in parts:
        raise UsageError("factors of AdaLoRA aren't averaged: take a side")
    if not set(parts) >= _PAIR or len(set(parts)) < len(parts):
        raise UsageError("LoRA factors aren't one pair, and aren't averaged apart")
    if _is_of_parameters(version, module):
        raise UsageError("LoRA factors of target_parameters aren't averaged apart: take a side")
    for name, spec in version.specs.items():
        if spec.dtype not in ARITHMETIC and part_of(name) != ALPHA:
            raise UsageError(f"LoRA factors of {spec.dtype} can't be computed with: take a side")
    up, down = _spec(version, UP), _spec(version, DOWN)
    if min(len(up.shape), len(down.shape)) < 2 or 0 in up.shape + down.shape:
        raise UsageError("LoRA factors have shapes that aren't those of matrices")
    if up.shape[1] != down.shape[0] or set(up.shape[2:]) - {1}:
        raise UsageError(f"LoRA factors of shapes {list(up.shape)} and {list(down.shape)} have no product")


def check_shapes(versions: Sequence[GroupVersion]) -> None:
    """Check that LoRAs of a module have the same shapes, but for their ranks.

    Raises:
        UsageError: They haven't.
    """
    first = versions[0].specs
    for version in versions[1:]:
        for name, spec in version.specs.items():
            part = part_of(name)
            if with_rank(spec, part, 1).shape != with_rank(first[name], part, 1).shape:
                raise UsageError(
                    f"LoRA factors have shapes {list(first[name].shape)} and {list(spec.shape)}: take a side"
                )


def _is_of_parameters(version: GroupVersion, module: str) -> bool:
    """Whether the settings have the module's parameters, rather than the module, as targets."""
    wanted = version.settings.get("target_parameters") or []
    owners = [str(name).rpartition(".")[0] for name in (wanted if isinstance(wanted, list) else [wanted])]
    plain = module.replace(".base_layer", "")
    return any(not owner or plain == owner or plain.endswith(f".{owner}") for owner in owners)


def rank_of(version: GroupVersion) -> int:
    """Rank of the factors."""
    return _spec(version, DOWN).shape[0]


def full_rank(version: GroupVersion) -> int:
    """The largest rank that a product of such factors can have."""
    outputs, inputs = _spec(version, UP).shape[0], _spec(version, DOWN).count // max(rank_of(version), 1)
    return min(outputs, inputs)


def scale_of(version: GroupVersion, module: str, values: Values, rank: int | None = None) -> float:
    """The factor of a version's product.

    Args:
        version: The LoRA in one model.
        module: Name of the adapted module.
        values: Its tensors, as far as they matter: those of the scale.
        rank: Rank of other factors with the same settings; `None` for its own.

    Raises:
        UsageError: The factors have another rank than the settings, or the tensors no valid scale.
    """
    rank = rank_of(version) if rank is None else rank
    alphas = [float(value.reshape(-1)[0]) for name, value in values.items() if part_of(name) == ALPHA]
    if alphas:
        (alpha,) = alphas
        if alpha == 0 or not math.isfinite(alpha):
            raise UsageError(f"LoRA factors of {module} have an alpha of {alpha:g}")
        return alpha / rank
    return lora_settings(version.settings).scale(module, rank) if version.settings else 1.0


def product_of(version: GroupVersion, values: Values, weight: float) -> Product:
    """The product of a version's factors, times a weight."""
    from git_theta.strategies.factor_products import Product

    rank = rank_of(version)
    return Product(value_of(values, UP).reshape(-1, rank), value_of(values, DOWN).reshape(rank, -1), weight)


def value_of(values: Values, part: str) -> NDArray[np.float64]:
    """The value of a part."""
    return next(value for name, value in values.items() if part_of(name) == part)


def with_rank(spec: TensorSpec, part: str, rank: int) -> TensorSpec:
    """Dtype and shape of a part if the factors had another rank."""
    places = {DOWN: 0, UP: 1}
    if part not in places:
        return spec
    shape = list(spec.shape)
    shape[places[part]] = rank
    return TensorSpec(spec.dtype, tuple(shape))


def _spec(version: GroupVersion, part: str) -> TensorSpec:
    return next(spec for name, spec in version.specs.items() if part_of(name) == part)
