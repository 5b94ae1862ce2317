"""The dtypes in which parameters are merged whose versions have several, and those of the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_theta.errors import UsageError
from git_theta.merging.dtypes import OURS, THEIRS, WIDEST, wider
from git_theta.merging.manifest_parts import parameter_entries
from git_theta.merging.outcome import content_key
from git_theta.merging.purpose import Purpose
from git_theta.merging.rules import MergeRules
from git_theta.model.manifest import Entry, Manifest
from git_theta.model.three_way import trivial_merge
from git_theta.updates.rounding import ARITHMETIC

_FLOATS = frozenset(ARITHMETIC)


@dataclass(frozen=True, slots=True)
class DtypeChoice:
    """The dtypes of a parameter in a merge.

    Attributes:
        common: The dtype in which versions are compared and combined.
        result: The dtype of the result.
        mixed: Whether sides have several dtypes.
    """

    common: str
    result: str
    mixed: bool


def choose_dtypes(
    base: Manifest | None, sides: Sequence[Manifest], rules: MergeRules
) -> dict[str, DtypeChoice]:
    """Name → dtypes, of each parameter of floats that isn't merged in the dtype of all versions.

    Sides of several dtypes are merged in the wider one. Where only one side changed a parameter, its dtype is
    part of that change, unless the same two dtypes meet in another parameter that both changed: a model has
    one dtype then.

    Args:
        base: The merge base; `None` if there's none.
        sides: The sides, ours first, with equal names for what corresponds.
        rules: The rules for this file.

    Raises:
        UsageError: A rule names theirs, and there are several.
    """
    before = base.by_name if base else {}
    tables = [side.by_name for side in sides]
    names = dict.fromkeys(entry.name for side in sides for entry in parameter_entries(side))
    is_asked = any(rule.dtype for rule in (*rules.rules, *rules.fallback))
    found: dict[str, DtypeChoice] = {}
    open_pairs, others = set(), []
    for name in names:
        old, new = before.get(name), [table.get(name) for table in tables]
        present = {entry.spec.dtype for entry in (old, *new) if entry}
        wish = rules.dtype(name) if is_asked else ""
        if (len(present) == 1 and not wish) or not present <= _FLOATS:
            continue
        meeting = frozenset(entry.spec.dtype for entry in new if entry)
        choice = DtypeChoice(wider(meeting), _result(wish, old, new, rules.purpose), len(meeting) > 1)
        if present == {choice.common} == {choice.result}:
            continue
        keys = [content_key(entry) for entry in new]
        if wish or trivial_merge(content_key(old), keys) is None:
            found[name] = choice
            open_pairs.add(meeting)
        elif choice.mixed:
            others.append((name, meeting, choice))
    found |= {name: choice for name, meeting, choice in others if meeting in open_pairs}
    return found


def _result(wish: str, old: Entry | None, new: Sequence[Entry | None], purpose: Purpose) -> str:
    """The dtype of a parameter's result."""
    dtypes = [entry.spec.dtype for entry in new if entry]
    widest = wider(dtypes)
    if wish == THEIRS and len(new) > 2:
        raise UsageError("the dtype of theirs is asked for, and there are several others", "name the dtype")
    if wish in (OURS, THEIRS):
        chosen = new[(OURS, THEIRS).index(wish)]
        return chosen.spec.dtype if chosen else widest
    if wish and wish != WIDEST:
        return wish
    if not wish and purpose is Purpose.PICK and old and None not in new:
        # The change has a dtype as it has values: ours stays as it is, unless the change is one of the dtype.
        index = trivial_merge(old.spec.dtype, dtypes)
        return widest if index is None else dtypes[index]
    return widest


def dtype_notes(choices: Mapping[str, DtypeChoice]) -> tuple[str, ...]:
    """A remark about sides of several dtypes, if there are any."""
    mixed = [choice for choice in choices.values() if choice.mixed]
    if not mixed:
        return ()
    results = ", ".join(sorted({choice.result for choice in mixed}))
    count = f"{len(mixed):,} parameters have" if len(mixed) > 1 else "a parameter has"
    return (f"{count} another dtype on some side: merged as {results} (--dtype chooses)",)
