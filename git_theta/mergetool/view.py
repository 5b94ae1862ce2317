"""The view: items, figures and choices as lines of text whose pieces have styles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from git_theta import strategies
from git_theta.errors import UsageError
from git_theta.merge.outcome import Conflict, Merged, ParameterPlan, Taken
from git_theta.merge.rules import MergeRule
from git_theta.mergetool.change_stats import ChangeStats
from git_theta.mergetool.commands import HELP
from git_theta.mergetool.items import Item, Overview
from git_theta.model.manifest import Entry
from git_theta.report.lines import Line
from git_theta.report.merge_summary import summary
from git_theta.report.text import human_size, plural, printable, shape_text
from git_theta.runtime.suggest import did_you_mean
from git_theta.strategies.option_text import describe

#: So many lines of a table are shown at once.
PAGE = 25

#: No line of a table is longer; names that would make it so are cut in the middle.
_WIDEST = 110
_SHORTEST_NAME = 24
_WIDEST_LAST = 20

#: So many names are shown of what needs no decision.
_SHOWN_ALONE = 3

_CONFLICT = "in conflict"

#: A row of a table: its cells, and lines below it.
_Row = tuple[tuple[str, ...], tuple[str, ...]]


def title(path: str, found: Overview, plan: Merged) -> Line:
    """One line about a file: what is to be decided, and what isn't yet."""
    count = sum(len(item.parameters) for item in found.items)
    text = f" {count:,} of {plural(found.total, 'parameter')} changed on both sides"
    if not found.total:
        text = " merged as a whole"
    left = len(plan.conflicts)
    state = plural(left, "conflict") if left else "nothing in conflict"
    return (("head", f"{printable(path)}:"), ("", f"{text}; "), ("old" if left else "new", state))


def table(
    items: Sequence[Item],
    stats: Mapping[int, ChangeStats | str],
    plan: Merged,
    others: Mapping[str, str],
    rules: Sequence[MergeRule],
) -> Iterator[Line]:
    """A line for each item, with what the sides did.

    Args:
        items: Those to show.
        stats: By an item's number; or why it has none.
        plan: What becomes of them.
        others: What both sides did to values that aren't parameters.
        rules: What was chosen.
    """
    heading = ("#", "changed on both sides", "", "ours", "theirs", "apart", "cosine", "becomes")
    rows: list[_Row] = []
    for item in items:
        cells = stat_cells(item.parameters[0], stats.get(item.number, "")) if item.parameters else ("",) * 4
        kind = _type(item.parameters[0]) if item.parameters else ""
        notes = list(_reasons(item.names, plan))
        if not item.parameters:
            notes = [printable(others[name]) for name in item.names if name in others] or notes
        how, more = _fitting(becomes(item, plan, rules))
        rows.append(((str(item.number), str(item), kind, *cells, how), (*more, *notes)))
    if _name_room(heading, rows) < max(len(row[1]) for row, _ in rows):
        # The name says more than the shape.
        rows = [((*row[:2], row[2].partition(" ")[0], *row[3:]), notes) for row, notes in rows]
    yield from _aligned(heading, rows)


def members(
    parameters: Sequence[ParameterPlan], stats: Sequence[ChangeStats | str], plan: Merged
) -> Iterator[Line]:
    """A line for each parameter of an item."""
    outcomes = {parameter.name: parameter.outcome for parameter in plan.parameters}
    heading = ("", "parameter", "", "ours", "theirs", "apart", "cosine", "becomes")
    rows: list[_Row] = []
    for parameter, stat in zip(parameters, stats, strict=True):
        cells = stat_cells(parameter, stat)
        outcome = outcomes.get(parameter.name)
        note = (outcome.reason,) if isinstance(outcome, Conflict) else ()
        how, more = _fitting(_become(outcome))
        rows.append((("", printable(parameter.name), _type(parameter), *cells, how), (*more, *note)))
    yield from _aligned(heading, rows)


def result_table(rows: Iterable[tuple[Item, ChangeStats | str, str]]) -> Iterator[Line]:
    """How far the result of each item is from ours and theirs."""
    heading = ("#", "result", "to ours", "to theirs", "by")
    body: list[_Row] = []
    for item, stat, how in rows:
        if isinstance(stat, ChangeStats):
            to = [percent(stat.share(sums), sampled=stat.sampled) for sums in (stat.ours, stat.theirs)]
        else:
            to = [stat, ""]
        cell, more = _fitting(how)
        body.append(((str(item.number), str(item), *to, cell), more))
    yield from _aligned(heading, body, left=2)


def alone(found: Overview) -> Iterator[Line]:
    """What only one side changed, and so needs no decision."""
    for who, groups in zip(("ours", "theirs"), found.alone, strict=True):
        if groups:
            count = sum(number for _, number in groups)
            names = ", ".join(_cut(name, 60) for name, _ in groups[:_SHOWN_ALONE])
            more = ", …" if len(groups) > _SHOWN_ALONE else ""
            yield (("faint", f"  only {who} changed {plural(count, 'parameter')}, taken as they are:"),)
            yield (("faint", f"    {_cut(names + more, _WIDEST - 4)}"),)


def after_preview(merged: Merged, stored: int, left: Sequence[Conflict]) -> Iterator[Line]:
    """Counts, new bytes, and what is still in conflict."""
    yield (("", summary(merged)),)
    if merged.manifest:
        yield (("", f"{human_size(stored)} of new objects for a file of {human_size(merged.manifest.size)}"),)
    if left:
        yield (("old", f"{plural(len(left), 'conflict')} left; ours stands for that here"),)


def help_lines() -> Iterator[Line]:
    """The commands, and the strategies."""
    for example, meaning in HELP:
        yield (("head", f"  {example:<22}"), ("", meaning))
    names = [strategy.name for strategy in strategies.registry()]
    for at in range(0, len(names), 8):
        yield (("faint", ("  strategies: " if not at else " " * 14) + ", ".join(names[at : at + 8])),)


def strategy_lines(name: str) -> Iterator[Line]:
    """What a strategy does, and its options.

    Raises:
        UsageError: There's none of that name.
    """
    known(name)
    strategy = strategies.registry().get(name)
    said = (type(strategy).__doc__ or "").strip().split("\n")[0]
    yield (("head", f"  {name}:"), ("", f" {said}"))
    options = {f"{option.name}={option.default}": option.help for option in describe(strategy)}
    width = max(map(len, options), default=0)
    for option, meaning in options.items():
        yield (("", f"    {option:<{width}}"), ("faint", f"  {_cut(meaning, _WIDEST - width - 6)}"))


def known(strategy: str) -> None:
    """Check in few words that there's a strategy of that name.

    Raises:
        UsageError: There's none.
    """
    names = [each.name for each in strategies.registry()]
    if strategy not in names:
        hint = did_you_mean(strategy, names) or "help lists the strategies"
        raise UsageError(f"there's no strategy {printable(strategy)!r}", hint)


def becomes(item: Item, plan: Merged, rules: Sequence[MergeRule]) -> str:
    """What becomes of an item: `theirs`, or `9 average, 3 in conflict`."""
    if not item.parameters:
        name = item.names[0]
        if any(conflict.name == name for conflict in plan.conflicts):
            return _CONFLICT
        return next((short(rule) for rule in reversed(rules) if rule.is_for(name)), "decided")
    outcomes = {parameter.name: parameter.outcome for parameter in plan.parameters}
    counts = Counter(_become(outcomes.get(name)) for name in item.names)
    if len(counts) == 1:
        return next(iter(counts))
    return ", ".join(f"{count} {word}" for word, count in counts.most_common())


def stat_cells(parameter: ParameterPlan, stat: ChangeStats | str) -> tuple[str, str, str, str]:
    """How far ours and theirs moved, how far they're apart, and the cosine of the two changes."""
    did = [_did(parameter.base, side) for side in parameter.sides[:2]]
    if isinstance(stat, str):
        return did[0] or stat, did[1], "", ""
    ours, theirs = (
        each or percent(stat.share(sums), sampled=stat.sampled)
        for each, sums in zip(did, (stat.ours, stat.theirs), strict=True)
    )
    cosine = "" if stat.cosine is None or parameter.base is None else f"{round(stat.cosine, 2) + 0.0:.2f}"
    return ours, theirs, percent(stat.share(stat.apart), sampled=stat.sampled), cosine


def percent(share: float | None, *, sampled: bool) -> str:
    """`1.2%`; with `~` before it if it's of a sample."""
    if share is None:
        return "-"
    hundred = 100 * share
    text = f"{hundred:.{'2g' if hundred < 99.5 else '0f' if hundred < 1e5 else '1e'}}"
    return f"{'~' if sampled else ''}{text}%"


def short(rule: MergeRule) -> str:
    """A rule without what it's for."""
    return str(MergeRule(rule.strategy, rule.options))


def _did(old: Entry | None, new: Entry | None) -> str:
    """What a side did if that's more than a change of values."""
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


def _become(outcome: Taken | MergeRule | Conflict | None) -> str:
    if isinstance(outcome, Conflict):
        return _CONFLICT
    if isinstance(outcome, Taken):
        return short(outcome.rule) if outcome.rule else "equal"
    return short(outcome) if outcome else "?"


def _fitting(how: str) -> tuple[str, tuple[str, ...]]:
    """What fits into the last column, and what goes below."""
    if len(how) <= _WIDEST_LAST:
        return how, ()
    return ("mixed" if how[0].isdigit() else f"{how.split(' ')[0]} …"), (how,)


def _reasons(names: Iterable[str], plan: Merged) -> Iterator[str]:
    wanted = set(names)
    yield from dict.fromkeys(conflict.reason for conflict in plan.conflicts if conflict.name in wanted)


def _widths(heading: tuple[str, ...], rows: Sequence[_Row]) -> list[int]:
    cells = [heading, *(row for row, _ in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heading))]
    return [*widths[:-1], min(widths[-1], _WIDEST_LAST)]


def _name_room(heading: tuple[str, ...], rows: Sequence[_Row]) -> int:
    """How long a name in the second column may be."""
    widths = _widths(heading, rows)
    return max(_WIDEST - sum(widths) + widths[1] - 2 * len(widths), _SHORTEST_NAME)


def _aligned(heading: tuple[str, ...], rows: Sequence[_Row], left: int = 3) -> Iterator[Line]:
    """Columns: first a number, then a name, which takes what room there is; the last one is free.

    Args:
        heading: Of the columns.
        rows: Below it.
        left: The columns from the name to this one, and the last, are aligned to the left.
    """
    widths = _widths(heading, rows)
    widths[1] = min(widths[1], _name_room(heading, rows))
    yield (("faint", _joined(heading, widths, left)),)
    for row, notes in rows:
        style = "old" if row[-1].endswith(_CONFLICT) else "changed"
        yield (("", _joined(row[:-1], widths, left)), (style, f"  {row[-1]}"))
        for note in notes:
            yield (("faint", " " * (widths[0] + 6) + _cut(note, _WIDEST - widths[0] - 6)),)


def _joined(row: Sequence[str], widths: Sequence[int], left: int) -> str:
    texts = []
    for at, (cell, width) in enumerate(zip(row, widths, strict=False)):
        cut = _cut(cell, width)
        if at == len(widths) - 1:
            texts.append(cut)
        else:
            texts.append(cut.ljust(width) if 0 < at < left else cut.rjust(width))
    return "  " + "  ".join(texts)


def _cut(text: str, width: int) -> str:
    """A text that is at most so long: of a longer one the middle is missing."""
    if len(text) <= width:
        return text
    front = (width - 1) // 2
    return f"{text[:front]}…{text[len(text) - (width - 1 - front) :]}"
