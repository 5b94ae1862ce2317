"""The structural change of a model as lines of text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import Final

from git_theta.lineage.structure.comparison import StructureComparison
from git_theta.lineage.structure.module_groups import ModuleChange, ModuleGroup, module_groups
from git_theta.lineage.structure.module_tree import ModelModule
from git_theta.report.fold import Folded, fold
from git_theta.report.lines import MAX_ALIGNED, SHOWN, Line, title
from git_theta.report.structure_change import StructureChange
from git_theta.report.text import plural, printable

_SIGNS: Final = {
    ModuleChange.ADDED: ("+", "new"),
    ModuleChange.REMOVED: ("-", "old"),
    ModuleChange.MOVED: (">", "changed"),
    ModuleChange.RESHAPED: ("~", "changed"),
    ModuleChange.CHANGED: ("~", "changed"),
}

#: Types of modules that a line counts.
_TYPES: Final = 3


def structure_lines(found: StructureChange, limit: int | None = SHOWN) -> Iterator[Line]:
    """The structural change of a model in lines.

    Args:
        found: The change.
        limit: Lines of modules at most; `None` for all of them.
    """
    head = ("head", f"{title(found.change)}:")
    if found.comparison is None:
        sides = (("old", found.change.old), ("new", found.change.new))
        problems = [f"the {which} version is {side.problem}" for which, side in sides if side.problem]
        yield head, ("", f" {'; '.join(problems)}")
        return
    yield head, ("", f" {structure_summary(found.comparison)}")
    folded = fold((group.names, _key(group), group) for group in module_groups(found.comparison.match))
    folded.sort(key=lambda each: list(_SIGNS).index(each.items[0].kind))
    shown = folded if limit is None or len(folded) <= limit + 1 else folded[:limit]
    yield from _rows(shown)
    if len(shown) < len(folded):
        rest = sum(len(group.modules) for each in folded[len(shown) :] for group in each.items)
        yield (("faint", f"    … and {plural(rest, 'more module')}"),)


def structure_summary(comparison: StructureComparison) -> str:
    """The numbers of modules that changed, and the divergence."""
    match = comparison.match
    total = len(match.new.modules)
    if not (match.old.modules or total):
        return "no modules"
    moved = set(match.moved.values())
    counts = (
        (len(match.added), "added"),
        (len(match.removed), "removed"),
        (len(moved), "moved"),
        (len(match.reshaped), "of another shape"),
        (sum(at not in moved for at in match.changed), "with other values"),
    )
    said = ", ".join(f"{count:,} {word}" for count, word in counts if count) or "the same"
    divergence = (
        f"divergence {_share(comparison.structural.divergence)} in structure, "
        f"{_share(comparison.contextual.divergence)} with values"
    )
    return f"{plural(total, 'module')}: {said}; {divergence}"


def _share(value: float) -> str:
    """A share with two digits; 0 and 1 only if it's exactly that."""
    text = f"{value:.2g}"
    return "0.99" if text == "1" and value < 1 else text


def _key(group: ModuleGroup) -> Hashable:
    """Equal for groups that may be told in one line."""
    return group.kind, _facts(group)


def _rows(rows: Sequence[Folded[ModuleGroup]]) -> Iterator[Line]:
    names = [" -> ".join(map(printable, row.names)) for row in rows]
    width = max((len(name) for name in names if len(name) <= MAX_ALIGNED), default=0)
    for name, row in zip(names, rows, strict=True):
        group = row.items[0]
        sign, style = _SIGNS[group.kind]
        count = f"  x{len(row.items)}" if len(row.items) > 1 else ""
        space = " " * max(2, width - len(name) + 2)
        yield (style, f"    {sign} {name}"), ("faint", f"{space}{_facts(group)}{count}")


def _facts(group: ModuleGroup) -> str:
    """Types and shapes of the modules, and changes besides their names."""
    if len(group.modules) > 1:
        counts = Counter(module.type for module in group.modules)
        most = [
            f"{count:,} {kind}"
            for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ]
        more = ", …" if len(most) > _TYPES else ""
        facts = f"{plural(len(group.modules), 'module')}: {', '.join(most[:_TYPES])}{more}"
    elif group.kind is ModuleChange.RESHAPED:
        facts = _reshaped(group.olds[0], group.news[0])
    else:
        facts = _described(group.modules[0])
    if group.kind is ModuleChange.MOVED and group.changed_values:
        all_of_them = group.changed_values == len(group.modules)
        facts += ", other values" if all_of_them else f", other values in {group.changed_values:,}"
    return facts


def _described(module: ModelModule) -> str:
    """Type, and shape of the largest parameter, of a module: `linear 384x384`."""
    largest = max((shape for _, shape in module.shapes), key=lambda shape: (len(shape), math.prod(shape)))
    return " ".join(filter(None, (module.type, "x".join(map(str, largest)))))


def _reshaped(old: ModelModule, new: ModelModule) -> str:
    """Types and shapes with an arrow between, or else the parameters that differ."""
    before, after = _described(old), _described(new)
    if before != after:
        return f"{before} -> {after.removeprefix(f'{old.type} ')}"
    olds, news = dict(old.shapes), dict(new.shapes)
    parts = [
        *(f"+ {name}" for name in news.keys() - olds.keys()),
        *(f"- {name}" for name in olds.keys() - news.keys()),
        *(f"~ {name}" for name in news.keys() & olds.keys() if news[name] != olds[name]),
    ]
    return f"{after}, {', '.join(printable(part) for part in sorted(parts))}"
