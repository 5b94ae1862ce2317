"""Views of a merge session: items, statistics and choices as lines of text whose pieces have styles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from git_theta.mergetool.change_stats import ChangeStats
from git_theta.mergetool.columns import MOST_WIDTH, Row, aligned, cut, name_width, short_and_full
from git_theta.mergetool.items import Item, Overview
from git_theta.merging.outcome import Conflict, Merged, ParameterPlan, Taken
from git_theta.merging.rules import MergeRule
from git_theta.model.manifest import Entry
from git_theta.report.lines import Line
from git_theta.report.merge_summary import summary
from git_theta.report.text import human_size, plural, printable, shape_text

#: Rows of a table on one page.
PAGE = 25

#: Names of parameters that only one side changed.
_SHOWN_NAMES = 3
_SHOWN_NAME_WIDTH = 60

_CONFLICT = "in conflict"


def title(path: str, found: Overview, plan: Merged) -> Line:
    """One line about a file: how much both sides changed, and how much is in conflict."""
    count = sum(len(item.parameters) for item in found.items)
    text = f" {count:,} of {plural(found.total, 'parameter')} changed on both sides"
    if not found.total:
        text = " merged as a whole"
    left = len(plan.conflicts)
    state = plural(left, "conflict") if left else "nothing in conflict"
    return (("head", f"{printable(path)}:"), ("", f"{text}; "), ("old" if left else "new", state))


def item_table(
    items: Sequence[Item],
    stats: Mapping[int, ChangeStats | str],
    plan: Merged,
    scalar_conflicts: Mapping[str, str],
    rules: Sequence[MergeRule],
) -> Iterator[Line]:
    """A row for each item, with the changes of both sides.

    Args:
        items: The items.
        stats: Number of an item → its statistics, or the reason why it has none.
        plan: The outcomes.
        scalar_conflicts: Name → changes of both sides, of values that aren't tensors.
        rules: The choices so far.
    """
    heading = ("#", "changed on both sides", "", "ours", "theirs", "apart", "cosine", "becomes")
    rows = [
        _item_row(item, stats.get(item.number, ""), plan, scalar_conflicts, item_outcome(item, plan, rules))
        for item in items
    ]
    if name_width(heading, rows) < max(len(row.cells[1]) for row in rows):
        # A full name says more than the shape.
        rows = [
            Row((*row.cells[:2], row.cells[2].partition(" ")[0], *row.cells[3:]), row.notes, row.style)
            for row in rows
        ]
    yield from aligned(heading, rows)


def member_table(
    parameters: Sequence[ParameterPlan], stats: Sequence[ChangeStats | str], plan: Merged
) -> Iterator[Line]:
    """A row for each parameter of an item.

    Args:
        parameters: The parameters.
        stats: Statistics of each parameter, or the reason why it has none.
        plan: The outcomes.
    """
    outcomes = {parameter.name: parameter.outcome for parameter in plan.parameters}
    heading = ("", "parameter", "", "ours", "theirs", "apart", "cosine", "becomes")
    rows = []
    for parameter, stat in zip(parameters, stats, strict=True):
        outcome = outcomes.get(parameter.name)
        text, full = short_and_full(_outcome(outcome))
        reason = (outcome.reason,) if isinstance(outcome, Conflict) else ()
        cells = ("", printable(parameter.name), _type(parameter), *_stat_cells(parameter, stat), text)
        rows.append(Row(cells, (*full, *reason), _style(text)))
    yield from aligned(heading, rows)


def result_table(rows: Iterable[tuple[Item, ChangeStats | str, str]]) -> Iterator[Line]:
    """A row for each item of a preview, with the relative distance of the result from ours and theirs.

    Args:
        rows: An item, statistics of ours and theirs relative to the result, and the outcome as text.
    """
    heading = ("#", "result", "to ours", "to theirs", "by")
    body = []
    for item, stat, outcome in rows:
        if isinstance(stat, ChangeStats):
            distances = (_percent(stat, stat.ours), _percent(stat, stat.theirs))
        else:
            distances = (stat, "")
        text, full = short_and_full(outcome)
        body.append(Row((str(item.number), str(item), *distances, text), full, _style(text)))
    yield from aligned(heading, body, left=2)


def one_sided(found: Overview) -> Iterator[Line]:
    """The parameters that only one side changed, which need no decision."""
    for side, groups in zip(("ours", "theirs"), found.one_sided, strict=True):
        if groups:
            count = sum(number for _, number in groups)
            names = ", ".join(cut(name, _SHOWN_NAME_WIDTH) for name, _ in groups[:_SHOWN_NAMES])
            more = ", …" if len(groups) > _SHOWN_NAMES else ""
            yield (("faint", f"  only {side} changed {plural(count, 'parameter')}, taken as they are:"),)
            yield (("faint", f"    {cut(names + more, MOST_WIDTH - 4)}"),)


def preview_summary(merged: Merged, stored: int, left: Sequence[Conflict]) -> Iterator[Line]:
    """Counts of outcomes, the size of new objects, and the number of conflicts.

    Args:
        merged: The result of the preview.
        stored: Size of the new objects, in bytes.
        left: The conflicts for which the preview took ours.
    """
    yield (("", summary(merged)),)
    if merged.manifest:
        yield (("", f"{human_size(stored)} of new objects for a file of {human_size(merged.manifest.size)}"),)
    if left:
        yield (("old", f"{plural(len(left), 'conflict')} left; ours stands for that here"),)


def item_outcome(item: Item, plan: Merged, rules: Sequence[MergeRule]) -> str:
    """The outcome of an item as text, such as `theirs`, or `9 average, 3 in conflict`."""
    if not item.parameters:
        name = item.names[0]
        if any(conflict.name == name for conflict in plan.conflicts):
            return _CONFLICT
        return next((rule_text(rule) for rule in reversed(rules) if rule.is_for(name)), "decided")
    outcomes = {parameter.name: parameter.outcome for parameter in plan.parameters}
    counts = Counter(_outcome(outcomes.get(name)) for name in item.names)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {word}" for word, count in counts.most_common())


def rule_text(rule: MergeRule) -> str:
    """The strategy and the options of a rule."""
    return str(MergeRule(rule.strategy, rule.options))


def _item_row(
    item: Item, stat: ChangeStats | str, plan: Merged, scalar_conflicts: Mapping[str, str], outcome: str
) -> Row:
    text, full = short_and_full(outcome)
    notes = tuple(_reasons(item.names, plan))
    if item.parameters:
        kind, cells = _type(item.parameters[0]), _stat_cells(item.parameters[0], stat)
    else:
        kind, cells = "", ("",) * 4
        changes = (printable(scalar_conflicts[name]) for name in item.names if name in scalar_conflicts)
        notes = tuple(changes) or notes
    return Row((str(item.number), str(item), kind, *cells, text), (*full, *notes), _style(text))


def _stat_cells(parameter: ParameterPlan, stat: ChangeStats | str) -> tuple[str, ...]:
    """The relative norms of both changes and of their difference, and the cosine between them."""
    structural = [_structural_change(parameter.base, side) for side in parameter.sides[:2]]
    if isinstance(stat, str):
        return structural[0] or stat, structural[1], "", ""
    ours, theirs = (
        text or _percent(stat, squares)
        for text, squares in zip(structural, (stat.ours, stat.theirs), strict=True)
    )
    cosine = "" if stat.cosine is None or parameter.base is None else f"{round(stat.cosine, 2) + 0.0:.2f}"
    return ours, theirs, _percent(stat, stat.apart), cosine


def _percent(stat: ChangeStats, squares: float) -> str:
    """A relative norm, such as `1.2%`; `~1.2%` if only some of the elements were read."""
    share = stat.relative_norm(squares)
    if share is None:
        return "-"
    percent = 100 * share
    text = f"{percent:.{'2g' if percent < 99.5 else '0f' if percent < 1e5 else '1e'}}"
    return f"{'~' if stat.sampled else ''}{text}%"


def _structural_change(old: Entry | None, new: Entry | None) -> str:
    """A change of more than values: removed, added, another shape or dtype; empty if there's none."""
    if new is None:
        return "removed"
    if old is None:
        return "added"
    if old.spec.shape != new.spec.shape:
        return shape_text(new.spec)
    return "" if old.spec.dtype == new.spec.dtype else f"to {new.spec.dtype}"


def _type(parameter: ParameterPlan) -> str:
    entry = parameter.base or next(filter(None, parameter.sides))
    return f"{entry.spec.dtype} {shape_text(entry.spec)}"


def _outcome(outcome: Taken | MergeRule | Conflict | None) -> str:
    if isinstance(outcome, Conflict):
        return _CONFLICT
    if isinstance(outcome, Taken):
        return rule_text(outcome.rule) if outcome.rule else "equal"
    return rule_text(outcome) if outcome else "?"


def _style(outcome: str) -> str:
    return "old" if outcome.endswith(_CONFLICT) else "changed"


def _reasons(names: Iterable[str], plan: Merged) -> Iterator[str]:
    """The reasons of conflicts of these names, each once."""
    wanted = set(names)
    yield from dict.fromkeys(conflict.reason for conflict in plan.conflicts if conflict.name in wanted)
