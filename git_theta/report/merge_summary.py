"""A merge in words: its outcome, or its conflicts."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from git_theta.merging.outcome import (
    LAYOUT,
    Approximated,
    Conflict,
    Merged,
    ParameterPlan,
    Taken,
    non_finite_text,
    side_name,
)
from git_theta.merging.possible_conflicts import changes_of_plans
from git_theta.merging.purpose import Operation, Purpose
from git_theta.merging.rules import PICK_DEFAULT, MergeRule
from git_theta.merging.standing_rules import is_counter
from git_theta.report.possible_conflicts import possible_conflict_lines
from git_theta.report.text import plural, printable
from git_theta.sharding.numbered import shard_number
from git_theta.strategies.take_side import SIDES

#: Ends of the names of an optimizer's moments, such as `max_exp_avg_sq`.
_MOMENTS = ("exp_avg", "exp_avg_sq", "momentum_buffer", "exp_inf", "square_avg", "grad_avg")

#: So many conflicts are listed.
_SHOWN = 5


def summary(merged: Merged, operation: Operation | None = None) -> str:
    """One line about a merge: `merged 103 parameters: 90 unchanged, 9 averaged, 4 theirs only`.

    Where Git applies a change, the line ends with that and says which setting chose another strategy.

    Args:
        merged: The result.
        operation: The operation; `None` for a merge.
    """
    if not merged.parameters:
        return f"took {merged.whole or 'one side'} as a whole"
    counts = Counter(filter(None, map(_outcome_text, merged.parameters)))
    order = sorted(counts, key=lambda word: (not word.startswith("unchanged"), -counts[word], word))
    said = ", ".join(f"{counts[word]} {word}" for word in order)
    there = sum(bool(parameter.likely) for parameter in merged.parameters)
    if not said:
        return "merged, with no parameters"
    reason = _reason(merged, operation) if operation and operation.purpose is Purpose.PICK else ""
    return f"merged {plural(there, 'parameter')}: {said}{reason}"


def _reason(merged: Merged, operation: Operation) -> str:
    """The reason for the strategies with which a change is applied; empty if none was needed."""
    rules = {each.asked for each in merged.parameters if each.asked}
    if not rules:
        return ""
    words = sorted({_choice(rule) for rule in rules})
    return f"; {operation.name or 'this command'} applies a change: {', '.join(words)}"


def _choice(rule: MergeRule) -> str:
    """The way in which a change is applied, and the setting that says so."""
    if rule.place:
        return f"{rule.strategy} by {rule.place}"
    return "ours + (theirs - base)" if rule == PICK_DEFAULT else f"{rule.strategy} as chosen"


def merge_lines(merged: Merged, operation: Operation | None = None, path: str = "") -> Iterator[str]:
    """The summary of a merge, a warning for everything that may be wrong with the result, and hints.

    Args:
        merged: The result.
        operation: The operation; `None` for a merge.
        path: Path of the file. A hint that's for all shards of a model alike is given once.
    """
    yield from combination_lines(merged, operation)
    if operation is None or operation.purpose is Purpose.MERGE:
        changes = changes_of_plans(merged.parameters)
        shard = shard_number(path.rpartition("/")[2])
        if not (changes.everywhere and shard and shard.number > 1):
            yield from possible_conflict_lines(changes)


def combination_lines(merged: Merged, operation: Operation | None = None) -> Iterator[str]:
    """The summary of a merge or of a combination, and a warning for everything that may be wrong with it."""
    yield summary(merged, operation)
    yield from merged.notes
    found = merged.non_finite
    if found:
        more = f" (and {plural(len(found) - 1, 'other parameter')})" if len(found) > 1 else ""
        yield f"warning: {printable(found[0].name)}{more}: {non_finite_text(found[0])}"
    yield from (f"warning: {text}" for text in merged.dropped)
    if merged.as_ours:
        yield f"note: ours by default, though other sides changed them: {_names(merged.as_ours)}"
    moments = sum(_is_moment(each) for each in merged.parameters)
    if moments:
        yield (
            f"note: {plural(moments, 'tensor')} of an optimizer's state were combined like weights; "
            "to keep ours, add a merge rule: ours parameters=*exp_avg* parameters=*momentum_buffer*"
        )
    if merged.approximated:
        yield f"warning: {_approximation(merged.approximated)}"


def _names(names: Sequence[str]) -> str:
    """Some names, and the number of the others."""
    more = f" (and {plural(len(names) - _SHOWN, 'other value')})" if len(names) > _SHOWN else ""
    return ", ".join(map(printable, names[:_SHOWN])) + more


def _is_moment(plan: ParameterPlan) -> bool:
    """Whether a parameter is a moment of an optimizer, and was combined."""
    last = plan.name.rpartition("/")[2]
    return isinstance(plan.outcome, MergeRule) and last.endswith(_MOMENTS)


def _approximation(groups: Sequence[Approximated]) -> str:
    """Words for merged values that are an approximation, of which the worst one is named."""
    worst = min(groups, key=lambda each: each.kept)
    more = f" (and more in {plural(len(groups) - 1, 'other group')})" if len(groups) > 1 else ""
    hint = f"; {worst.alternative} would keep all" if worst.alternative else ""
    return f"{printable(worst.group)}: {worst.strategy} keeps {worst.kept:.1%} of the result{more}{hint}"


def unused_rules(merged: Merged, rules: Iterable[MergeRule]) -> list[MergeRule]:
    """The rules without patterns that combined no parameter; a side may have been taken for other values."""
    used = {each.asked.strategy for each in merged.parameters if each.asked}
    general = [rule for rule in rules if rule.is_for("") and rule.strategy not in ("", *SIDES)]
    return [rule for rule in general if merged.parameters and rule.strategy not in used]


def conflict_lines(
    path: str, conflicts: Sequence[Conflict], parameters: Sequence[ParameterPlan] = ()
) -> Iterator[str]:
    """The conflicts of a file, what the merge will make of its other parameters, and the commands to resolve.

    Args:
        path: Path of the file.
        conflicts: The conflicts.
        parameters: All parameters and their outcomes; empty if they aren't known.
    """
    shown = printable(path)
    yield f"{shown}: {plural(len(conflicts), 'conflict')}; the work tree keeps ours"
    settled = [each for each in parameters if not isinstance(each.outcome, Conflict)]
    counts = Counter(filter(None, map(_outcome_text, settled)))
    if counts:
        words = ", ".join(f"{count} {word}" for word, count in counts.most_common())
        yield f"  the other parameters, once that's decided: {words}"
    for conflict in conflicts[:_SHOWN]:
        yield f"  {conflict_name(conflict)}: {conflict.reason}"
    if len(conflicts) > _SHOWN:
        yield f"  and {len(conflicts) - _SHOWN} more: git theta status"
    name = printable(shlex.quote(path))
    yield from counter_advice(path, conflicts)
    yield f"to decide: git theta merge-tool {name}, or: git theta resolve {name} -s ours (or theirs, …)"


def counter_advice(path: str, conflicts: Iterable[Conflict]) -> Iterator[str]:
    """The command that settles the counters among the conflicts of a file; nothing if there are none."""
    counter = next((conflict for conflict in conflicts if is_counter(conflict.name)), None)
    if counter:
        name = printable(shlex.quote(path))
        yield f"for counters such as {conflict_name(counter)}: git theta resolve {name} -s counter"


def conflict_name(conflict: Conflict) -> str:
    """The name of the parameter in conflict, or of the part of the file."""
    special = {LAYOUT: "the rest of the file", "": "the file"}
    return special.get(conflict.name) or printable(conflict.name)


def _outcome_text(parameter: ParameterPlan) -> str:
    outcome = parameter.outcome
    if isinstance(outcome, Conflict):
        return "in conflict"
    if not isinstance(outcome, Taken):
        return "averaged" if outcome.strategy == "average" else f"by {outcome.strategy}"
    if outcome.rule:
        return f"by {outcome.rule.strategy}"
    if not parameter.changed:
        return "unchanged"
    if outcome.side is None:
        return "the same on both sides" if outcome.entry else "removed on both sides"
    side = side_name(outcome.side)
    return f"{side} only" if outcome.entry else f"removed by {side}"
