"""Merge: three manifests, or more, → what each parameter becomes. Equality first, then a strategy.

Nothing here reads a value or writes anything; `merging` carries out what is planned here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from git_theta import strategies
from git_theta.errors import UsageError
from git_theta.formats.split import STRETCH
from git_theta.merge.rules import MergeRule, MergeRules
from git_theta.model.manifest import Entry, Manifest, sort_key
from git_theta.model.three_way import trivial_merge
from git_theta.strategies.take_side import TakeSide
from git_theta.updates.rounding import COMPUTABLE


@dataclass(frozen=True, slots=True)
class Taken:
    """A parameter that is as in one of the versions.

    Attributes:
        entry: It; `None` if it's gone.
        side: Which side changed it to that; `None` if none did, or all did.
        rule: The rule that decided; `None` if equality did.
    """

    entry: Entry | None
    side: int | None = None
    rule: MergeRule | None = None


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that a person must decide.

    Attributes:
        name: A parameter, a value that isn't a tensor, `LAYOUT`, or empty for the whole file.
        reason: What the sides did.
    """

    name: str
    reason: str


#: What conflicts call the rest of the file: all that isn't parameters.
LAYOUT = ".layout"


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one parameter.

    Attributes:
        name: The parameter.
        base: It in the merge base, `None` if it isn't there.
        sides: It on each side.
        outcome: What to take, the rule to combine the changed sides by, or why there's neither.
    """

    name: str
    base: Entry | None
    sides: tuple[Entry | None, ...]
    outcome: Taken | MergeRule | Conflict

    @property
    def changed(self) -> tuple[int, ...]:
        """The sides that differ from the base."""
        return tuple(i for i, side in enumerate(self.sides) if _key(side) != _key(self.base))

    @property
    def likely(self) -> Entry | None:
        """An entry that has the dtype and shape of the result; of a conflict, ours if it's there."""
        if isinstance(self.outcome, Taken):
            return self.outcome.entry
        return next((side for side in self.sides if side), None)


def steps(base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules) -> Iterator[Step]:
    """What becomes of each parameter, in the order of a manifest.

    Args:
        base: The merge base; `None` if there's none.
        sides: Ours, then theirs, and more in an octopus merge.
        rules: Those for this file.

    Raises:
        UsageError: A rule names a strategy that there isn't.
    """
    before, *tables = ({entry.name: entry for entry in parameters(one)} for one in (base, *sides))
    names = {name for table in (before, *tables) for name in table}
    for name in sorted(names, key=sort_key):
        old, now = before.get(name), tuple(table.get(name) for table in tables)
        yield Step(name, old, now, _outcome(name, old, now, rules))


def parameters(manifest: Manifest | None) -> tuple[Entry, ...]:
    """The parameters that are merged one by one; stretches of a file belong to its rest."""
    return tuple(entry for entry in manifest.entries if not is_rest(entry)) if manifest else ()


def rest(manifest: Manifest | None) -> tuple[Entry, ...]:
    """The layout and the stretches: all that isn't parameters."""
    return (manifest.layout, *filter(is_rest, manifest.entries)) if manifest else ()


def is_rest(entry: Entry) -> bool:
    """Whether an entry is a stretch of bytes between parameters."""
    return entry.name.startswith(STRETCH)


def content(manifest: Manifest | None) -> Hashable:
    """Equal for manifests that rebuild the same file."""
    if manifest is None:
        return None
    keys = tuple((entry.name, _key(entry)) for entry in manifest.all_entries())
    return manifest.format, manifest.size, keys


def _outcome(
    name: str, base: Entry | None, sides: tuple[Entry | None, ...], rules: MergeRules
) -> Taken | MergeRule | Conflict:
    keys = [_key(side) for side in sides]
    index = trivial_merge(_key(base), keys)
    if index is not None:
        if keys[index] == _key(base):
            return Taken(base)
        return Taken(sides[index], None if all(key == keys[index] for key in keys) else index)
    first, *others = (_by_rule(name, base, sides, rule) for rule in rules.to_try(name))
    return next((outcome for outcome in (first, *others) if not isinstance(outcome, Conflict)), first)


def preferred_side(name: str, rules: MergeRules) -> int | None:
    """The side that a rule takes for something that can't be combined; `None` if there's no such rule."""
    for rule in rules.to_try(name):
        strategy = strategies.registry().get(rule.strategy)
        if isinstance(strategy, TakeSide):
            return strategy.side
    return None


def _by_rule(
    name: str, base: Entry | None, sides: tuple[Entry | None, ...], rule: MergeRule
) -> Taken | MergeRule | Conflict:
    strategy = strategies.registry().get(rule.strategy)
    if isinstance(strategy, TakeSide):
        return _taken(name, base, sides, strategy, rule)
    changed = [side for side in sides if _key(side) != _key(base)]
    reason = _obstacle(base, changed)
    if not reason and strategy.needs_base and base is None:
        reason = f"added on both sides, and {rule.strategy} needs a base"
    if not reason and strategy.max_models is not None and len(changed) > strategy.max_models:
        reason = f"changed on {len(changed)} sides, and {rule.strategy} merges at most {strategy.max_models}"
    return Conflict(name, reason) if reason else rule


def _taken(
    name: str, base: Entry | None, sides: tuple[Entry | None, ...], strategy: TakeSide, rule: MergeRule
) -> Taken | Conflict:
    if strategy.side is None:
        return Taken(base, None, rule)
    if strategy.side >= len(sides):
        raise UsageError(f"there's no side {strategy.side + 1} for {rule.strategy!r}")
    if strategy.side == 1 and len(sides) > 2:
        return Conflict(name, "theirs isn't one side in a merge of several branches")
    return Taken(sides[strategy.side], strategy.side, rule)


def _obstacle(base: Entry | None, changed: Sequence[Entry | None]) -> str:
    """Why sides that differ can't be combined; empty if they can be."""
    there = [side for side in changed if side]
    if len(there) < len(changed):
        return "removed on one side, changed on the other"
    how = "changed" if base else "added"
    if len({side.spec.dtype for side in there}) > 1:
        return f"{how} to dtypes {' and '.join(side.spec.dtype for side in there)}"
    if len({side.spec.shape for side in there}) > 1:
        return f"{how} to shapes {' and '.join(str(list(side.spec.shape)) for side in there)}"
    if there[0].spec.dtype not in COMPUTABLE:
        return f"{how} on both sides, and {there[0].spec.dtype} values aren't averaged"
    return ""


def _key(entry: Entry | None) -> Hashable:
    return None if entry is None else (entry.spec, entry.digest)
