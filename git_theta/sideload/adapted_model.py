"""A checkpoint as an adapter sees it: the settings of the adapter, and the parameters that it may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from git_theta.adapters.lora_settings import lora_settings
from git_theta.model.tensor import TensorSpec
from git_theta.sideload.names import Names


@dataclass(frozen=True, slots=True)
class AdaptedModel:
    """An adapter's settings, a factor of its products, and names and types of the checkpoint's parameters.

    Attributes:
        config: The settings; empty for a file of factors alone.
        names: Names of all parameters.
        specs: Their dtypes and shapes.
        factor: A factor of the products of a LoRA, besides that of the settings.
    """

    config: Mapping[str, Any]
    names: Names
    specs: Mapping[str, TensorSpec]
    factor: float = 1.0

    @property
    def flipped(self) -> bool:
        """Whether weights have the shape inputs by outputs."""
        return bool(self.config.get("fan_in_fan_out"))

    def scale(self, module: str, rank: int) -> float:
        """The factor of the product of a module's factors; without settings, just the factor given.

        Raises:
            UsageError: The factors have another rank than the settings.
        """
        if not self.config:
            return self.factor
        return lora_settings(self.config).scale(module, rank) * self.factor

    def bias(self, weight: str) -> str | None:
        """Name of the bias beside a weight; `None` if the checkpoint has none."""
        name = f"{weight.removesuffix('weight')}bias"
        return name if name in self.specs else None
