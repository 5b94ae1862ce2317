"""Recipes in manifests: parameters that are stored as weighted sums of other models' parameters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from git_theta.model.manifest import Manifest, Source

#: The share of a model's recipes that a parent has an input of, at least.
_MOST = 0.5

_RECIPE = "recipe"


class RecipeParents:
    """The models whose parameters the recipes of other models compute with.

    Args:
        manifests: Name → manifests of its files, of every model.
    """

    def __init__(self, manifests: Mapping[str, Sequence[Manifest]]) -> None:
        self._manifests = manifests
        # Source → the first two models that have it: one of them isn't the child.
        self._owners: dict[str, tuple[str, ...]] = {}
        for name in sorted(manifests):
            for source in {str(entry.source) for manifest in manifests[name] for entry in manifest.entries}:
                known = self._owners.get(source, ())
                if len(known) < 2:
                    self._owners[source] = (*known, name)

    def parents(self, child: str) -> list[str]:
        """The models that most recipes of a model have an input of, in the order of their names.

        Of models that share a parameter, the first one counts.
        """
        used: Counter[str] = Counter()
        recipes = 0
        for manifest in self._manifests[child]:
            for entry in manifest.entries:
                if entry.source.update == _RECIPE and entry.source.inputs:
                    recipes += 1
                    owners = (self._owner(source, child) for source in entry.source.inputs)
                    used.update({name for name in owners if name is not None})
        found = sorted(name for name, count in used.items() if count >= _MOST * recipes)
        return found if len(found) > 1 else []

    def _owner(self, source: Source, child: str) -> str | None:
        return next((name for name in self._owners.get(str(source), ()) if name != child), None)


def has_recipes(manifests: Iterable[Manifest]) -> bool:
    """Whether any parameter is stored as a recipe of several inputs."""
    return any(
        entry.source.update == _RECIPE and len(entry.source.inputs) > 1
        for manifest in manifests
        for entry in manifest.entries
    )
