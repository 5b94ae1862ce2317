"""Settings of a merged adapter: what its factors mean in each version, and settings that fit the result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

from git_theta.adapters.factor_names import ALPHA, CONFIG, DOWN, factor_name
from git_theta.adapters.fitted_settings import ModuleFit, fitted_settings, with_targets
from git_theta.adapters.lora_settings import LoraSettings, lora_settings
from git_theta.errors import UsageError
from git_theta.merging.outcome import Conflict, ParameterPlan, Taken, content_key
from git_theta.merging.settings_versions import ReadSettings, Settings, SettingsVersions
from git_theta.model.three_way import trivial_merge

#: The result's and the base's number among the versions, beside those of the sides.
RESULT, BASE = -2, -1


class AdapterScales:
    """Scales that settings give the products of factors, by module and version of an adapter.

    Args:
        read: Reads the settings, which happens once, when they're needed.
    """

    def __init__(self, read: ReadSettings) -> None:
        self._read = read

    @cached_property
    def settings(self) -> SettingsVersions:
        """The settings.

        Raises:
            UsageError: They can't be read.
        """
        return self._read(CONFIG)

    def key(self, module: str, version: int) -> object:
        """Equal for versions in which equal factors of a module have equal products.

        Versions without settings are as the base, and all are if the settings aren't valid.

        Args:
            module: Name of the module.
            version: Number of a side, `BASE` or `RESULT`.
        """
        try:
            found = self._parsed.get(version) or self._parsed.get(BASE)
            return found and (found.alpha_of(module), found.rslora)
        except UsageError:
            return None

    @property
    def has_base(self) -> bool:
        """Whether the base has settings that are valid."""
        try:
            return BASE in self._parsed
        except UsageError:
            return False

    @property
    def is_decided(self) -> bool:
        """Whether the settings of the result are known."""
        return self.settings.result is not None

    @cached_property
    def _parsed(self) -> dict[int, LoraSettings]:
        found = self.settings
        versions = {BASE: found.base, RESULT: found.result or {}, **dict(enumerate(found.sides))}
        return {number: lora_settings(settings) for number, settings in versions.items() if settings}


def scale_notes(plans: Iterable[ParameterPlan], read: ReadSettings) -> tuple[str, ...]:
    """A remark if factors that a rule took from a side have another scale beside the result.

    Args:
        plans: All parameters.
        read: Reads the settings.
    """
    taken = []
    for plan in plans:
        place = factor_name(plan.name)
        outcome = plan.outcome
        ruled = isinstance(outcome, Taken) and outcome.rule is not None and outcome.entry is not None
        if ruled and place and place.method == "LoRA" and place.part == DOWN:
            assert isinstance(outcome, Taken)  # noqa: S101
            taken.append((place.adapted, BASE if outcome.side is None else outcome.side))
    scales = AdapterScales(read)
    try:
        if not taken or not scales.is_decided:
            return ()
    except UsageError:
        return ()
    found = [module for module, side in taken if scales.key(module, side) != scales.key(module, RESULT)]
    if not found:
        return ()
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return (
        f"the factors of {found[0]}{more} have another scale by {CONFIG} than where they were taken from",
    )


def fitted_to(plans: Iterable[ParameterPlan], found: SettingsVersions) -> Settings:
    """The settings of a result, changed where ranks or scales of its factors need it.

    Args:
        plans: All parameters, without conflicts about factors.
        found: The settings in each version, with those of the result.

    Raises:
        UsageError: No settings fit.
    """
    settings = found.result
    if not settings or settings.get("target_parameters"):
        return settings or {}
    groups: dict[str, list[ParameterPlan]] = defaultdict(list)
    for plan in plans:
        place = factor_name(plan.name)
        if place and place.method == "LoRA":
            if place.adapter or isinstance(plan.outcome, Conflict):
                return settings
            groups[place.group].append(plan)
    modules: dict[str, ModuleFit] = {}
    added: list[str] = []
    for members in groups.values():
        fit = _fit(members, found)
        place = factor_name(members[0].name)
        if fit and place:
            modules[place.adapted] = fit
            if all(plan.sides[0] is None for plan in members):
                added.append(place.adapted)
    return with_targets(fitted_settings(settings, modules), added, found.sides)


def _fit(members: list[ParameterPlan], found: SettingsVersions) -> ModuleFit | None:
    """The rank and scale of a module in the result; `None` if it has no factors there."""
    parts = {place.part: plan for plan in members if (place := factor_name(plan.name))}
    down = parts.get(DOWN)
    if down is None or down.spec is None or not down.spec.shape:
        return None
    rank = down.spec.shape[0]
    if ALPHA in parts or any(not isinstance(plan.outcome, Taken) for plan in members):
        return ModuleFit(rank)
    origin = _origin(members, down, found)
    place = factor_name(down.name)
    return ModuleFit(rank, lora_settings(origin).scale(place.adapted, rank)) if origin and place else None


def _origin(members: list[ParameterPlan], down: ParameterPlan, found: SettingsVersions) -> Settings:
    """The settings of the version that a module's factors are taken from."""
    assert isinstance(down.outcome, Taken)  # noqa: S101
    if down.outcome.side is not None:
        return found.of_side(down.outcome.side)
    base = tuple(content_key(plan.base) for plan in members)
    sides = [tuple(content_key(plan.sides[side]) for plan in members) for side in range(len(down.sides))]
    taken = tuple(content_key(plan.likely) for plan in members)
    side = trivial_merge(base, sides)
    if side is None or sides[side] != taken:
        side = next((number for number, keys in enumerate(sides) if keys == taken), None)
    return found.base if side is None else found.of_side(side)
