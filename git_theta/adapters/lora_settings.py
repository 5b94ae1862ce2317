"""Settings of a LoRA: ranks, and the factors of the products, by module."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from git_theta.adapters.factor_names import CONFIG
from git_theta.adapters.module_patterns import is_end
from git_theta.errors import UsageError

_DEFAULT = 8

#: Larger numbers aren't ranks or alphas; the largest float would overflow in a product.
_LARGEST = 1e100


@dataclass(frozen=True, slots=True)
class LoraSettings:
    """Ranks and scales of an adapter.

    Attributes:
        rank: Rank of the factors.
        alpha: Numerator of the scale.
        rank_pattern: Patterns of modules with another rank; the first one that matches counts.
        alpha_pattern: Patterns of modules with another numerator.
        rslora: Whether the scale is `alpha / sqrt(rank)` rather than `alpha / rank`.
    """

    rank: float = _DEFAULT
    alpha: float = _DEFAULT
    rank_pattern: tuple[tuple[str, float], ...] = ()
    alpha_pattern: tuple[tuple[str, float], ...] = ()
    rslora: bool = False

    def rank_of(self, module: str) -> float:
        """The rank of a module's factors.

        Raises:
            UsageError: A pattern can't be matched.
        """
        return _of_module(self.rank_pattern, module, self.rank)

    def alpha_of(self, module: str) -> float:
        """The numerator of a module's scale.

        Raises:
            UsageError: A pattern can't be matched.
        """
        return _of_module(self.alpha_pattern, module, self.alpha)

    def scale(self, module: str, rank: int) -> float:
        """The factor of the product of a module's factors.

        Args:
            module: Name of the module, without PEFT's prefix.
            rank: Rank of the factors.

        Raises:
            UsageError: The factors have another rank than the settings, or a pattern can't be matched.
        """
        expected, alpha = self.rank_of(module), self.alpha_of(module)
        if expected != rank or rank < 1:
            raise UsageError(f"the adapter's factors of {module!r} have rank {rank}, not {expected:g}")
        return alpha / (math.sqrt(rank) if self.rslora else rank)


def lora_settings(config: Mapping[str, Any]) -> LoraSettings:
    """The settings in an `adapter_config.json`.

    Raises:
        UsageError: A setting isn't valid.
    """
    return LoraSettings(
        _number("r", config.get("r", _DEFAULT)),
        _number("lora_alpha", config.get("lora_alpha", _DEFAULT)),
        _patterns("rank_pattern", config.get("rank_pattern")),
        _patterns("alpha_pattern", config.get("alpha_pattern")),
        bool(config.get("use_rslora")),
    )


def _patterns(key: str, found: Any) -> tuple[tuple[str, float], ...]:
    if not isinstance(found, Mapping | None):
        raise UsageError(f"the adapter's {CONFIG} has {key} {found!r}", "it must be a map")
    return tuple((pattern, _number(key, number)) for pattern, number in (found or {}).items())


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST:
        raise UsageError(f"the adapter's {CONFIG} has {key} {value!r:.80}", "it must be a number")
    return value


def _of_module(patterns: tuple[tuple[str, float], ...], module: str, default: float) -> float:
    return next((number for pattern, number in patterns if is_end(pattern, module)), default)
