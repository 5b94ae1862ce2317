"""Recipes in manifests: parameters that are stored as weighted sums of other models' parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from git_theta.model.manifest import Manifest

#: The share of a model's recipes that a parent has an input of, at least.
_MOST = 0.5

_RECIPE = "recipe"


def recipe_parents(child: str, manifests: Mapping[str, Iterable[Manifest]]) -> list[str]:
    """The models whose parameters most recipes of a model compute with, in the order of their names.

    Of models that share a parameter, the first one counts.

    Args:
        child: Name of the model.
        manifests: Name → manifests of its files, of every model.
    """
    owners: dict[str, str] = {}
    for name in sorted(manifests):
        if name != child:
            for manifest in manifests[name]:
                for entry in manifest.entries:
                    owners.setdefault(str(entry.source), name)
    used: Counter[str] = Counter()
    recipes = 0
    for manifest in manifests[child]:
        for entry in manifest.entries:
            if entry.source.update == _RECIPE and entry.source.inputs:
                recipes += 1
                inputs = {owners.get(str(source)) for source in entry.source.inputs}
                used.update(name for name in inputs if name is not None)
    found = sorted(name for name, count in used.items() if count >= _MOST * recipes)
    return found if len(found) > 1 else []


def has_recipes(manifests: Iterable[Manifest]) -> bool:
    """Whether any parameter is stored as a recipe of several inputs."""
    return any(
        entry.source.update == _RECIPE and len(entry.source.inputs) > 1
        for manifest in manifests
        for entry in manifest.entries
    )
