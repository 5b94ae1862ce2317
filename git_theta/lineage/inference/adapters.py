"""Adapters: models of factors, and the models whose layers the factors fit."""

from __future__ import annotations

from collections.abc import Sequence

from git_theta.adapters.factor_names import DOWN, UP, factor_name
from git_theta.lineage.inference.sampled_model import SampledModel, plain_name


def is_adapter(model: SampledModel) -> bool:
    """Whether most parameters of a model are an adapter's."""
    factors = sum(factor_name(name) is not None for name in model.entries)
    return bool(model.entries) and 2 * factors > len(model.entries)


def adapter_bases(adapter: SampledModel, models: Sequence[SampledModel]) -> list[SampledModel]:
    """The models that have a layer of the right shape for every factor of an adapter."""
    wanted = _layers(adapter)
    if not wanted:
        return []
    found = []
    for model in models:
        shapes = dict(model.columns.keys())
        if all(_fits(layer, sizes, shapes) for layer, sizes in wanted.items()):
            found.append(model)
    return found


def _layers(adapter: SampledModel) -> dict[str, tuple[int | None, int | None]]:
    """Layer → its outputs and inputs, as far as the factors' shapes tell."""
    layers: dict[str, tuple[int | None, int | None]] = {}
    for name, entry in adapter.entries.items():
        factor = factor_name(name)
        if factor is None or len(entry.spec.shape) != 2:
            continue
        outputs, inputs = layers.get(factor.adapted, (None, None))
        if factor.part == DOWN:
            inputs = entry.spec.shape[1]
        elif factor.part == UP:
            outputs = entry.spec.shape[0]
        layers[factor.adapted] = (outputs, inputs)
    return layers


def _fits(layer: str, sizes: tuple[int | None, int | None], shapes: dict[str, tuple[int, ...]]) -> bool:
    name = plain_name(layer)
    for candidate in (f"{name}.weight", f"{name}/weight", name):
        shape = shapes.get(candidate)
        if shape is not None and len(shape) == 2:
            return sizes[0] in (None, shape[0]) and sizes[1] in (None, shape[1])
    return False
