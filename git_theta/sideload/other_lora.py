"""LoRA files of other tools than PEFT: of kohya's scripts and of diffusers, with scales among the tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from git_theta.adapters.factor_names import ALPHA, DOWN, UP, factor_name
from git_theta.errors import UsageError
from git_theta.sideload import lora_steps
from git_theta.sideload.adapted_model import AdaptedModel
from git_theta.sideload.given_update import GivenUpdate
from git_theta.updates.array import Array

#: The parts of such a LoRA, and PEFT's names for them.
_PARTS = {DOWN: lora_steps.DOWN, UP: lora_steps.UP, ALPHA: ALPHA}

#: Beginnings of names of modules in kohya's files: the network, and text encoders. They have no dots.
_NETWORK = re.compile(r"lora_(?:unet|te\d?|transformer|prior_unet|prior_te)_")


def other_part(name: str) -> tuple[str, str] | None:
    """Module and part of a tensor in such a file; `None` for all other tensors."""
    found = factor_name(name)
    if (
        found is None
        or found.method != "LoRA"
        or found.part not in _PARTS
        or "lora_A" in name
        or "lora_B" in name
    ):
        return None
    return found.module, _PARTS[found.part]


def is_other_lora(names: list[str]) -> bool:
    """Whether a file of tensors of these names is such a LoRA, with a factor at least."""
    parts = [found[1] for found in map(other_part, names) if found]
    return lora_steps.UP in parts


def other_steps(
    model: AdaptedModel, modules: Mapping[str, Mapping[str, Array]]
) -> list[dict[str, tuple[GivenUpdate, ...]]]:
    """The updates of each module that such a LoRA amounts to, by the parameters' names.

    Args:
        model: The checkpoint.
        modules: Name of a module → its tensors by part.

    Raises:
        UsageError: A factor is lacking, or doesn't fit the checkpoint.
    """
    flat = _flat_names(model)
    return [_steps(model, module, parts, flat) for module, parts in modules.items()]


def _steps(
    model: AdaptedModel, module: str, parts: Mapping[str, Array], flat: Mapping[str, list[str]]
) -> dict[str, tuple[GivenUpdate, ...]]:
    factors = {part: array for part, array in parts.items() if part != ALPHA}
    scale = model.factor
    if ALPHA in parts and lora_steps.DOWN in parts and parts[lora_steps.DOWN].spec.shape:
        numbers = parts[ALPHA].numbers().reshape(-1)
        rank = parts[lora_steps.DOWN].spec.shape[0]
        if len(numbers) != 1 or not rank:
            raise UsageError(f"the adapter's alpha of {module!r} isn't a number, or the rank is 0")
        scale *= float(numbers[0]) / rank
    return lora_steps.lora_steps(replace(model, factor=scale), _named(module, flat), factors)


def _flat_names(model: AdaptedModel) -> dict[str, list[str]]:
    """Names of the model's modules by the ends of their names, with underscores for dots."""
    found: dict[str, list[str]] = {}
    for name in model.specs:
        words = name.replace("/", ".").split(".")
        if words[-1] == "weight":
            for start in range(len(words) - 1):
                found.setdefault("_".join(words[start:-1]), []).append(".".join(words[:-1]))
    return found


def _named(module: str, flat: Mapping[str, list[str]]) -> str:
    """The module's name in the model, if the adapter has it with underscores; else as it is.

    Raises:
        UsageError: Several modules have such a name.
    """
    key, network = _NETWORK.subn("", module, count=1)
    if not network or "." in key:
        return module
    names = list(dict.fromkeys(flat.get(key, [])))
    if len(names) > 1:
        raise UsageError(f"{module!r} in the update data could be any of {', '.join(names[:3])}")
    return names[0] if names else module
