"""LoRA adapters: the products of their factors are merged, not the factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from git_theta.adapters.factor_names import ALPHA, BIAS, CONFIG, DOWN, MAGNITUDE, UP, factor_name
from git_theta.adapters.lora_settings import lora_settings
from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.base import model_weights
from git_theta.strategies.groups import GroupCase, GroupStrategy, GroupValues, GroupVersion
from git_theta.strategies.lora_parts import (
    check_shapes,
    check_version,
    full_rank,
    module_of,
    part_of,
    present,
    product_of,
    rank_of,
    scale_of,
    value_of,
    with_rank,
)
from git_theta.strategies.options import option

if TYPE_CHECKING:
    from git_theta.strategies.factor_products import Product
    from git_theta.strategies.groups import Values


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
    """The sum of LoRA adapters' products, and of their other parts. A model without the LoRA adds nothing."""

    settings_file = CONFIG
    allows_absent = True

    def group_of(self, name: str) -> str | None:
        """Name of the adapted module; `None` if it's no tensor of a LoRA."""
        found = factor_name(name)
        return found.group if found and found.method == "LoRA" else None

    def result(self, case: GroupCase, options: Any) -> Mapping[str, TensorSpec]:
        """See `GroupStrategy.result`."""
        coefficients(options, len(case.models), has_base=case.base is not None)
        models, module = present(case), module_of(case)
        versions = [*models, *([case.base] if case.base and options.changes else [])]
        for version in versions:
            check_version(version, module)
        check_shapes(versions)
        like = models[0].specs
        in_tensors = any(part_of(name) == ALPHA for name in like)
        if not in_tensors and len({bool(version.settings) for version in versions}) > 1:
            raise UsageError(f"{CONFIG} isn't beside all versions, and LoRA scales without it aren't known")
        rank = self._new_rank(case, options)
        if not case.fits:
            _check_settings(_result_settings(case), module, rank, self.name)
        if not in_tensors:
            for version in models:
                scale_of(version, module, {})
        if rank == rank_of(models[0]):
            return dict(like)
        return {name: with_rank(spec, part_of(name), rank) for name, spec in like.items()}

    def merge_group(self, case: GroupCase, values: Sequence[Values], options: Any) -> GroupValues:
        """See `GroupStrategy.merge_group`."""
        import numpy as np

        weights = coefficients(options, len(case.models), has_base=case.base is not None)
        versions = (*case.models, *([case.base] if case.base else []))
        there = [each for each in zip(versions, values, weights, strict=True) if each[0].specs]
        used = [each for each in there if each[2]] or there[:1]
        if not all(np.isfinite(value).all() for _, given, _ in used for value in given.values()):
            raise UsageError(f"LoRA factors of {case.group} have elements that aren't finite: take a side")
        specs, module = self.result(case, options), module_of(case)
        first, given, _ = there[0]
        names = {part_of(name): name for name in first.specs}
        rank = self._new_rank(case, options)
        scale = scale_of(GroupVersion(first.specs, _result_settings(case)), module, given, rank)
        scales = [scale_of(version, module, given) / scale for version, given, _ in used]
        terms = list(zip(used, scales, strict=True))
        merged, kept = self._factors(
            [product_of(version, given, weight * factor) for (version, given, weight), factor in terms], rank
        )
        found = {names[UP]: merged.up, names[DOWN]: merged.down}
        if BIAS in names:
            biases = [weight * factor * value_of(given, BIAS) for (_, given, weight), factor in terms]
            found[names[BIAS]] = reduce(add, biases)
        if MAGNITUDE in names:
            magnitudes = [weight * value_of(given, MAGNITUDE) for _, given, weight in used]
            found[names[MAGNITUDE]] = reduce(add, magnitudes)
        if ALPHA in names:
            found[names[ALPHA]] = given[names[ALPHA]]
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
            return _possible(options.rank, case, "the option rank is")
        settings = _result_settings(case)
        rank = lora_settings(settings).rank_of(module_of(case)) if settings else rank_of(present(case)[0])
        return _possible(rank, case, f"{CONFIG} has the rank")

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
        used = [
            version for version, weight in zip(versions, weights, strict=True) if weight and version.specs
        ]
        return sum(map(rank_of, used or present(case)[:1]))

    def _factors(self, products: Sequence[Product], rank: int) -> tuple[Product, float]:
        from git_theta.strategies.factor_products import concatenated

        return concatenated(products), 1.0


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


def _possible(rank: float, case: GroupCase, words: str) -> int:
    """A rank that factors of a module may have: at most full rank, or the sum of the models' ranks.

    Raises:
        UsageError: It isn't.
    """
    versions = [*present(case), *([case.base] if case.base else [])]
    most = max(full_rank(versions[0]), sum(map(rank_of, versions)))
    if rank != int(rank) or not 1 <= rank <= most:
        raise UsageError(f"{words} {rank:g}, which isn't a whole number from 1 to {most}")
    return int(rank)


def _result_settings(case: GroupCase) -> Mapping[str, Any]:
    """The settings of the result; those of all models if they agree on the products' scales.

    Raises:
        UsageError: They aren't decided.
    """
    if case.settings is not None:
        return case.settings
    found = [each.settings for each in (*present(case), *([case.base] if case.base else []))]
    if len({lora_settings(each) for each in found}) == 1:
        return found[0]
    raise UsageError(
        f"LoRA scales differ, and {CONFIG} is in conflict: settle that file, then git theta resolve this one"
    )


def _check_settings(settings: Mapping[str, Any], module: str, rank: int, strategy: str) -> None:
    """Check that the settings of the result have the rank of its factors, and a scale.

    Raises:
        UsageError: They haven't.
    """
    if not settings:
        return
    found = lora_settings(settings)
    if found.rank_of(module) != rank:
        raise UsageError(
            f"LoRA factors would get rank {rank}, and {CONFIG} says {found.rank_of(module):g}: "
            f"git theta resolve -s {strategy} sets it, too"
        )
    if found.scale(module, rank) == 0:
        raise UsageError(f"{CONFIG} has lora_alpha 0, so LoRA factors have no product")
