"""Settings of a LoRA whose ranks changed: the same settings, with ranks and scales that fit the factors."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from git_theta.adapters.factor_names import CONFIG
from git_theta.adapters.lora_settings import LoraSettings, lora_settings
from git_theta.adapters.module_patterns import is_whole
from git_theta.errors import UsageError


@dataclass(frozen=True, slots=True)
class ModuleFit:
    """The rank and scale that settings must give a module.

    Attributes:
        rank: Rank of its factors.
        scale: Factor of their product; `None` if the factors are made for any scale.
    """

    rank: int
    scale: float | None = None


def fitted_settings(config: Mapping[str, Any], modules: Mapping[str, ModuleFit]) -> dict[str, Any]:
    """Settings that fit modules: as they are if these do, else with another rank, alpha and patterns.

    The scale stays, also of factors that would do with any. Ranks and alphas of most modules are the general
    ones; others get patterns of their own.

    Args:
        config: The settings.
        modules: Name of a module, without PEFT's prefix → its rank and scale.

    Raises:
        UsageError: Settings aren't valid, or can't tell modules apart.
    """
    if _fits(config, modules):
        return dict(config)
    before = lora_settings(config)
    root = math.sqrt if before.rslora else float
    rank = _most_common(fit.rank for fit in modules.values())
    usual = before.alpha * root(rank) / root(before.rank) if before.rank > 0 else before.alpha
    alphas = {
        name: usual if fit.scale is None and fit.rank == rank else root(fit.rank) * _scale(before, fit)
        for name, fit in modules.items()
    }
    alpha = _most_common(alphas.values())
    general = {**config, "r": rank, "lora_alpha": _plain(alpha)}
    if _fits(general, modules):
        return general
    ranks = {name: fit.rank for name, fit in modules.items() if fit.rank != rank}
    patterns = {name: _plain(own) for name, own in alphas.items() if own != alpha}
    for make in (str, lambda name: f"^{re.escape(name)}"):
        found = {
            **general,
            "rank_pattern": {make(name): own for name, own in ranks.items()},
            "alpha_pattern": {make(name): own for name, own in patterns.items()},
        }
        if _fits(found, modules):
            return found
    raise UsageError(f"no {CONFIG} gives each module of the adapter its rank and scale: take a side")


def with_targets(
    config: Mapping[str, Any], added: Sequence[str], others: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """Settings that adapt further modules, too; PEFT passes over factors of modules that these don't have.

    Args:
        config: The settings.
        added: Names of the modules, without PEFT's prefix.
        others: Settings of adapters that have these modules: names of modules are taken from there.

    Raises:
        UsageError: The settings choose modules in a way that can't be added to.
    """
    targets = config.get("target_modules")
    if not added or not targets or targets == "all-linear":
        return dict(config)
    limits = [key for key in ("layers_to_transform", "exclude_modules") if config.get(key)]
    if limits or not isinstance(targets, str | list):
        words = ", ".join(limits) or "target_modules"
        raise UsageError(f"{CONFIG} chooses modules by {words}, to which {added[0]} can't be added")
    if isinstance(targets, str):
        missing = [module for module in added if not _matches(targets, module)]
        names = "|".join(map(re.escape, missing))
        if not missing:
            return dict(config)
        return {**config, "target_modules": f"(?:{targets})|(?:{names})"}
    known = [name for each in others for name in _names(each.get("target_modules"))]
    found = [str(name) for name in targets]
    for module in added:
        if not any(_is_target(name, module) for name in found):
            found.append(next((name for name in known if _is_target(name, module)), module))
    return {**config, "target_modules": found}


def _matches(pattern: str, module: str) -> bool:
    """Whether a pattern is known to match a module."""
    try:
        return is_whole(pattern, module)
    except UsageError:
        return False


def _names(targets: object) -> list[str]:
    return [str(name) for name in targets] if isinstance(targets, list) else []


def _is_target(name: str, module: str) -> bool:
    return module == name or module.endswith(f".{name}")


def _fits(config: Mapping[str, Any], modules: Mapping[str, ModuleFit]) -> bool:
    settings = lora_settings(config)
    for name, fit in modules.items():
        if settings.rank_of(name) != fit.rank or settings.alpha_of(name) == 0:
            return False
        if fit.scale is not None and not math.isclose(settings.scale(name, fit.rank), fit.scale):
            return False
    return True


def _scale(before: LoraSettings, fit: ModuleFit) -> float:
    """The scale of a module; the general one if its factors do with any."""
    if fit.scale is not None:
        return fit.scale
    root = math.sqrt if before.rslora else float
    return before.alpha / root(before.rank) if before.rank > 0 else 1.0


def _most_common(numbers: Iterable[Any]) -> Any:
    """The most common number; of several, the largest."""
    return max(Counter(numbers).items(), key=lambda item: (item[1], item[0]))[0]


def _plain(number: float) -> float | int:
    return int(number) if float(number).is_integer() else number
