"""LoRA adapters: the products of their factors are merged, not the factors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from git_theta.adapters.factor_names import (
    ALPHA,
    BIAS,
    CONFIG,
    DOWN,
    MAGNITUDE,
    PREFIX,
    UP,
    FactorName,
    factor_name,
)
from git_theta.adapters.lora_settings import lora_settings
from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.base import model_weights
from git_theta.strategies.groups import GroupCase, GroupStrategy, GroupValues, GroupVersion
from git_theta.strategies.options import option
from git_theta.updates.rounding import ARITHMETIC

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from git_theta.strategies.factor_products import Product
    from git_theta.strategies.groups import Values

#: Parts that each module's LoRA has.
_FACTORS = frozenset((DOWN, UP))


@dataclass(frozen=True, slots=True)
class LoraOptions:
    """Options of `lora-cat`."""

    weights: tuple[float, ...] = option((), "One for each model; 1 if not given.")
    normalize: bool = option(True, "Whether the sum is divided by the sum of the weights.")
    changes: bool = option(False, "Whether changes from the base are added to it, rather than the models.")
    scale: float = option(1.0, "With changes: the factor of the sum of all changes.")


@dataclass(frozen=True, slots=True)
class LoraSvdOptions(LoraOptions):
    """Options of `lora-svd`."""

    rank: int = option(0, "The rank; 0 for that of the settings, or else of ours.", least=0)


class _Lora(GroupStrategy):
    """The sum of LoRA adapters' products, and of their other parts."""

    settings_file = CONFIG

    def group_of(self, name: str) -> str | None:
        """Name of the adapted module; `None` if it's no tensor of a LoRA."""
        found = factor_name(name)
        return found.group if found and found.method == "LoRA" else None

    def result(self, case: GroupCase, options: Any) -> Mapping[str, TensorSpec]:
        """See `GroupStrategy.result`."""
        coefficients(options, len(case.models), has_base=case.base is not None)
        for version in (*case.models, *([case.base] if case.base and options.changes else [])):
            _check_version(version)
        ranks = [_rank(version) for version in case.models]
        rank = self._new_rank(case, options)
        result = _result_settings(case)
        expected = lora_settings(result).rank_of(_module(case)) if result else rank
        if expected != rank:
            raise UsageError(
                f"LoRA factors would get rank {rank}, and {CONFIG} says {expected:g}: set r there to {rank}, "
                f"then git theta resolve -s {self.name}"
            )
        if result:
            scale = lora_settings(result).scale(_module(case), rank)
            if scale == 0:
                raise UsageError(f"{CONFIG} has lora_alpha 0, so LoRA factors have no product")
        if not any(_part(name) == ALPHA for name in case.models[0].specs):
            for version in case.models:
                _scale(version, _module(case), {})
        like = case.models[0].specs
        return {
            name: _with_rank(spec, _part(name), rank) if rank != ranks[0] else spec
            for name, spec in like.items()
        }

    def merge_group(self, case: GroupCase, values: Sequence[Values], options: Any) -> GroupValues:
        """See `GroupStrategy.merge_group`."""
        import numpy as np

        weights = coefficients(options, len(case.models), has_base=case.base is not None)
        versions = (*case.models, *([case.base] if case.base else []))
        used = [each for each in zip(versions, values, weights, strict=True) if each[2]]
        if not all(np.isfinite(value).all() for _, given, _ in used for value in given.values()):
            raise UsageError(f"LoRA factors of {case.group} have elements that aren't finite: take a side")
        rank, names = self._new_rank(case, options), {_part(name): name for name in case.models[0].specs}
        result = _result_settings(case)
        after = GroupVersion(case.models[0].specs, result)
        scale = _scale_of_rank(after, _module(case), rank, _alpha(values[0]))
        scales = [_scale(version, _module(case), given) / scale for version, given, _ in used]
        products = [
            _product(version, given, weight * factor)
            for (version, given, weight), factor in zip(used, scales, strict=True)
        ]
        merged, kept = self._factors(products, rank)
        found = {names[UP]: merged.up, names[DOWN]: merged.down}
        if BIAS in names:
            terms = zip(used, scales, strict=True)
            biases = [weight * factor * _only(given, BIAS) for (_, given, weight), factor in terms]
            found[names[BIAS]] = reduce(add, biases)
        if MAGNITUDE in names:
            found[names[MAGNITUDE]] = reduce(
                add, (weight * _only(given, MAGNITUDE) for _, given, weight in used)
            )
        if ALPHA in names:
            found[names[ALPHA]] = values[0][names[ALPHA]]
        specs = self.result(case, options)
        return GroupValues({name: value.reshape(specs[name].shape) for name, value in found.items()}, kept)

    def _new_rank(self, case: GroupCase, options: Any) -> int:
        """The rank of the result."""
        raise NotImplementedError

    def _factors(self, products: Sequence[Product], rank: int) -> tuple[Product, float]:
        """The factors of a sum of products, and the share of it that they keep."""
        raise NotImplementedError


class LoraSvd(_Lora):
    """The mean of LoRA adapters' products, as the nearest factors of their rank.

    Scales are those of `adapter_config.json` in each version. By an SVD of the product, which is made of its
    factors alone.
    """

    name = "lora-svd"
    options = LoraSvdOptions
    for_all = "always"
    alternative = "lora-cat"

    def _new_rank(self, case: GroupCase, options: LoraSvdOptions) -> int:
        if options.rank:
            return options.rank
        settings = _result_settings(case)
        rank = lora_settings(settings).rank_of(_module(case)) if settings else _rank(case.models[0])
        if rank != int(rank) or not 1 <= rank <= _MAX_RANK:
            raise UsageError(f"{CONFIG} has the rank {rank:g}, which isn't a whole number from 1")
        return int(rank)

    def _factors(self, products: Sequence[Product], rank: int) -> tuple[Product, float]:
        from git_theta.strategies.factor_products import nearest

        return nearest(products, rank)


class LoraCat(_Lora):
    """The mean of LoRA adapters' products, exactly: the factors beside each other, with the sum of ranks."""

    name = "lora-cat"
    options = LoraOptions
    for_all = "always"

    def _new_rank(self, case: GroupCase, options: LoraOptions) -> int:
        weights = coefficients(options, len(case.models), has_base=case.base is not None)
        versions = (*case.models, *([case.base] if case.base else []))
        return sum(_rank(version) for version, weight in zip(versions, weights, strict=True) if weight)

    def _factors(self, products: Sequence[Product], rank: int) -> tuple[Product, float]:
        from git_theta.strategies.factor_products import concatenated

        return concatenated(products), 1.0


#: Larger ranks in settings are a mistake.
_MAX_RANK = 1 << 16


def coefficients(options: Any, count: int, *, has_base: bool) -> tuple[float, ...]:
    """The factor of each model's product, and then that of the base if there's one.

    Args:
        options: Of `lora-svd` or `lora-cat`.
        count: Number of models.
        has_base: Whether there's a base.

    Raises:
        UsageError: The weights don't fit, or changes are wanted and there's no base.
    """
    weights = model_weights(options.weights, count)
    total = sum(weights)
    if options.normalize:
        if total == 0:
            raise UsageError("the weights of LoRA adapters have the sum 0")
        weights = tuple(weight / total for weight in weights)
    if not options.changes:
        return (*weights, *((0.0,) if has_base else ()))
    if not has_base:
        raise UsageError("LoRA factors were added on both sides, and changes of them need a base")
    weights = tuple(options.scale * weight for weight in weights)
    return (*weights, 1.0 - sum(weights))


def _result_settings(case: GroupCase) -> Mapping[str, Any]:
    """The settings of the result; those of all models if they agree on the products' scales.

    Raises:
        UsageError: They aren't decided.
    """
    if case.settings is not None:
        return case.settings
    found = [each.settings for each in (*case.models, *([case.base] if case.base else []))]
    if len({lora_settings(each) for each in found}) == 1:
        return found[0]
    raise UsageError(
        f"LoRA scales differ, and {CONFIG} is in conflict: settle that file, then git theta resolve this one"
    )


def _check_version(version: GroupVersion) -> None:
    """Check that the group is one pair of factors of matrices.

    Raises:
        UsageError: It isn't.
    """
    parts = [_part(name) for name in version.specs]
    if not set(parts) >= _FACTORS or len(set(parts)) < len(parts):
        raise UsageError("LoRA factors aren't one pair, and aren't averaged apart")
    if version.settings.get("target_parameters"):
        raise UsageError("LoRA factors of target_parameters aren't averaged apart: take a side")
    for name, spec in version.specs.items():
        if spec.dtype not in ARITHMETIC and _part(name) != ALPHA:
            raise UsageError(f"LoRA factors of {spec.dtype} can't be computed with: take a side")
    up, down = _spec(version, UP), _spec(version, DOWN)
    if min(len(up.shape), len(down.shape)) < 2 or 0 in up.shape + down.shape:
        raise UsageError("LoRA factors have shapes that aren't those of matrices")
    if up.shape[1] != down.shape[0] or set(up.shape[2:]) - {1}:
        raise UsageError(f"LoRA factors of shapes {list(up.shape)} and {list(down.shape)} have no product")


def _scale(version: GroupVersion, module: str, values: Values) -> float:
    """The factor of a version's product.

    Raises:
        UsageError: The factors have another rank than the settings.
    """
    return _scale_of_rank(version, module, _rank(version), _alpha(values))


def _alpha(values: Values) -> float | None:
    """The numerator of the scale, where the tensors have it."""
    return next((float(each.reshape(-1)[0]) for name, each in values.items() if _part(name) == ALPHA), None)


def _scale_of_rank(version: GroupVersion, module: str, rank: int, alpha: float | None) -> float:
    if alpha is not None:
        if alpha == 0 or not math.isfinite(alpha):
            raise UsageError(f"LoRA factors of {module} have an alpha of {alpha:g}")
        return alpha / rank
    return lora_settings(version.settings).scale(module, rank) if version.settings else 1.0


def _product(version: GroupVersion, values: Values, weight: float) -> Product:
    from git_theta.strategies.factor_products import Product

    rank = _rank(version)
    return Product(_only(values, UP).reshape(-1, rank), _only(values, DOWN).reshape(rank, -1), weight)


def _only(values: Values, part: str) -> NDArray[np.float64]:
    return next(value for name, value in values.items() if _part(name) == part)


def _spec(version: GroupVersion, part: str) -> TensorSpec:
    return next(spec for name, spec in version.specs.items() if _part(name) == part)


def _rank(version: GroupVersion) -> int:
    return _spec(version, DOWN).shape[0]


def _with_rank(spec: TensorSpec, part: str, rank: int) -> TensorSpec:
    places = {DOWN: 0, UP: 1}
    if part not in places:
        return spec
    shape = list(spec.shape)
    shape[places[part]] = rank
    return TensorSpec(spec.dtype, tuple(shape))


def _module(case: GroupCase) -> str:
    """Name of the adapted module, as patterns of the settings match it."""
    found = _place(next(iter(case.models[0].specs)))
    module = found.module.replace("/", ".")
    return module.partition(PREFIX)[2] or module


def _part(name: str) -> str:
    return _place(name).part


def _place(name: str) -> FactorName:
    found = factor_name(name)
    if found is None:
        raise UsageError(f"parameter {name!r} isn't a LoRA factor")
    return found
