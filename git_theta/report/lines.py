"""A change as lines of text whose pieces have styles: for a terminal, a pager or a file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import add

from git_theta.report.change import ChangeKind, CheckpointChange
from git_theta.report.changed_weights import WeightChange, weight_changes
from git_theta.report.distance import Distance
from git_theta.report.fold import Folded, fold
from git_theta.report.scalars import ScalarChange
from git_theta.report.text import human_size, plural, printable
from git_theta.sharding.joined import shard_label

#: A piece of a line: its style, and its text. Styles are `head`, `new`, `old`, `changed`, `faint` and ``.
Span = tuple[str, str]
Line = tuple[Span, ...]

#: Lines of parameters, and of scalars, that are shown of a file.
SHOWN = 60
_SHOWN_SCALARS = 20

#: Columns after a name are aligned up to this width of the name.
MAX_ALIGNED = 64

_SIGNS = {
    ChangeKind.ADDED: ("+", "new"),
    ChangeKind.REMOVED: ("-", "old"),
    ChangeKind.MODIFIED: ("~", "changed"),
    ChangeKind.RETYPED: ("~", "changed"),
    ChangeKind.RESHAPED: ("~", "changed"),
    ChangeKind.RENAMED: (">", "changed"),
    ChangeKind.MOVED: (">", "changed"),
}


def lines(change: CheckpointChange, limit: int | None = SHOWN) -> Iterator[Line]:
    """The change of a file in lines.

    Args:
        change: The change.
        limit: Lines of parameters at most; `None` for all of them.
    """
    yield (("head", f"{title(change)}:"), ("", f" {_summary(change)}"))
    yield from _circumstances(change)
    folded = fold((each.names, each.key, each) for each in weight_changes(change))
    shown = folded if limit is None or len(folded) <= limit + 1 else folded[:limit]
    yield from _groups(shown, change.measured)
    if len(shown) < len(folded):
        rest = sum(len(each.rows) for group in folded[len(shown) :] for each in group.items)
        yield (("faint", f"    … and {plural(rest, 'more parameter')}"),)
    yield from _rest(change)


def plain(found: Iterable[Line]) -> list[str]:
    """Lines without styles."""
    return ["".join(text for _, text in line) for line in found]


def title(change: CheckpointChange) -> str:
    """The name of the file or model, or both names with an arrow between."""
    old, new = (side.model.parts.title if side.model else side.path for side in (change.old, change.new))
    if change.old.path == change.new.path:
        return printable(old if change.new.absent else new)
    if old == new or change.old.absent or change.new.absent:
        return printable(old if change.new.absent else new)
    return f"{printable(old)} -> {printable(new)}"


def _summary(change: CheckpointChange) -> str:
    old, new, found = change.old, change.new, change.diff
    if old.problem or new.problem:
        problems = [
            f"the {which} version is {side.problem}"
            for which, side in (("old", old), ("new", new))
            if side.problem
        ]
        return "; ".join(dict.fromkeys(problems))
    if old.manifest is None and new.manifest is None:
        return "in neither version"
    if new.manifest is None:
        return f"deleted, {plural(len(found.removed), 'parameter')}"
    size = human_size(new.manifest.size)
    if old.manifest is None:
        return f"new, {plural(len(found.added), 'parameter')}, {_cost(change, size)}"
    return f"{_counts(change)}; {_cost(change, size)}"


def _counts(change: CheckpointChange) -> str:
    found = change.diff
    total = len(change.old.manifest.entries) if change.old.manifest else 0
    parts = []
    if found.changed:
        parts.append(f"{len(found.changed):,} of {plural(total, 'parameter')} changed")
    for count, word in (
        (len(found.renamed), "renamed"),
        (len(found.appeared), "added"),
        (len(found.vanished), "removed"),
        (sum(row.kind is ChangeKind.MOVED for row in change.rows), "moved"),
    ):
        if count:
            parts.append(f"{count:,} {word}" if parts else f"{plural(count, 'parameter')} {word}")
    return ", ".join(parts) or "no parameter changed"


def _cost(change: CheckpointChange, size: str) -> str:
    """The cost of the new version: new bytes in the store, if it's stored, and the size of the file."""
    if change.stored is None:
        return size
    more = f", without {plural(change.missing, 'object')} not here" if change.missing else ""
    return f"{human_size(change.stored)} stored for {size}{more}"


def _circumstances(change: CheckpointChange) -> Iterator[Line]:
    old, new = change.old, change.new
    if old.mode and new.mode and old.mode != new.mode:
        yield (("faint", f"    mode {old.mode} -> {new.mode}"),)
    if change.diff.sharding:
        before, after = change.diff.sharding
        yield (("faint", f"    {before} -> {after}"),)
    if change.diff.format:
        before, after = change.diff.format
        yield (("faint", f"    format {before} -> {after}"),)


def _groups(groups: list[Folded[WeightChange]], measured: Mapping[str, Distance | str]) -> Iterator[Line]:
    names = [" -> ".join(map(printable, group.names)) for group in groups]
    types = [group.items[0].type for group in groups]
    name_width = max((len(name) for name in names if len(name) <= MAX_ALIGNED), default=0)
    type_width = max(map(len, types), default=0)
    for name, kind, group in zip(names, types, groups, strict=True):
        sign, style = _SIGNS[group.items[0].kind]
        facts = "  ".join(filter(None, [kind.ljust(type_width), *_facts(group.items)]))
        space = " " * max(2, name_width - len(name) + 2)
        yield ((style, f"    {sign} {name}"), ("faint", f"{space}{facts.rstrip()}"))
        yield from _statistics(group.items, measured)


def _facts(changes: tuple[WeightChange, ...]) -> Iterator[str]:
    """The number of weights, how they're stored, and their bytes."""
    yield f"x{len(changes)}" if len(changes) > 1 else ""
    rows = [row for change in changes for row in change.rows]
    yield _move(rows[0].files) if rows[0].files else ""
    if changes[0].kind in (ChangeKind.RENAMED, ChangeKind.REMOVED, ChangeKind.MOVED):
        return
    yield ", ".join(dict.fromkeys(row.update for row in rows if row.update))
    size = human_size(sum(row.nbytes for row in rows))
    known = [row.stored for row in rows if row.stored is not None]
    yield f"{human_size(sum(known))} of {size}" if len(known) == len(rows) else size


def _move(files: tuple[str, str]) -> str:
    """The shards between which a parameter moved: `shard 1 -> 2`, or by their names."""
    old, new = map(shard_label, files)
    return f"shard {printable(old)} -> {printable(new)}"


def _statistics(changes: tuple[WeightChange, ...], measured: Mapping[str, Distance | str]) -> Iterator[Line]:
    # Of a quantised weight, the figures of the codes are those of the weight.
    rows = [change.rows[0] for change in changes]
    results = [measured[row.new.name] for row in rows if row.new and row.new.name in measured]
    known = [result for result in results if isinstance(result, Distance)]
    if known:
        yield (("", f"        {_figures(reduce(add, known))}"),)
    problems = [result for result in results if isinstance(result, str)]
    if problems:
        which = f" for {len(problems)} of them" if known else ""
        first, *hints = problems[0].split("\n")
        yield (("old", f"        no figures{which}: {printable(first)}"),)
        yield from ((("faint", f"        {printable(hint)}"),) for hint in hints)


def _figures(sums: Distance) -> str:
    parts = [f"change {sums.norm:.4g}"]
    if sums.relative is not None:
        parts[0] += f" ({_percent(sums.relative)} of the old norm)"
    parts.append(f"largest {sums.largest:.4g}")
    if sums.cosine is not None:
        parts.append(f"cosine {sums.cosine:.8g}")
    parts.append(f"{_percent(sums.share)} of elements")
    if sums.broken:
        parts.append(f"{sums.broken:,} now NaN or infinite")
    return ", ".join(parts)


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _rest(change: CheckpointChange) -> Iterator[Line]:
    """Changes besides parameters."""
    if change.scalars_problem:
        yield (("faint", f"    the rest of the file changed ({printable(change.scalars_problem)})"),)
        return
    for scalar in (change.scalars or ())[:_SHOWN_SCALARS]:
        yield _scalar(scalar)
    more = len(change.scalars or ()) - _SHOWN_SCALARS
    if more > 0:
        yield (("faint", f"    … and {plural(more, 'more value')} that aren't tensors"),)
    both = change.old.manifest and change.new.manifest
    if both and change.diff.layout and change.diff.same_parameters and not change.scalars:
        known = change.scalars is not None
        what = "the order of parameters or the bytes between them" if known else "the rest of the file"
        yield (("faint", f"    {what} changed"),)


def _scalar(scalar: ScalarChange) -> Line:
    name = printable(scalar.name)
    old, new = (text and printable(text) for text in (scalar.old, scalar.new))
    if old is None:
        return (("new", f"    + {name}: {new}"),)
    if new is None:
        return (("old", f"    - {name}: {old}"),)
    return (("changed", f"    ~ {name}:"), ("", f" {old} -> {new}"))
