"""The page: the contents of each part, for the templates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import zip_longest
from operator import add

from git_theta.report.change import ChangeKind, CheckpointChange
from git_theta.report.difference_histograms import DifferenceHistogram
from git_theta.report.distance import Distance
from git_theta.report.html.cell_text import name_text, percent
from git_theta.report.html.charts import HEIGHT as CHART_HEIGHT
from git_theta.report.html.charts import WIDTH as CHART_WIDTH
from git_theta.report.html.charts import Chart, chart
from git_theta.report.html.heat_map import LEVELS, HeatMap, heat_map
from git_theta.report.html.parameter_table import Table, parameter_table
from git_theta.report.html.render import render
from git_theta.report.html.storage import WIDTH as BAR_WIDTH
from git_theta.report.html.storage import Bar, Part, storage_bars, storage_parts
from git_theta.report.scalars import ScalarChange
from git_theta.report.side import Side
from git_theta.report.structure_change import structure_change
from git_theta.report.structure_lines import structure_summary
from git_theta.report.text import human_size, plural, printable
from git_theta.version import __version__

#: Rows of all tables of a page together.
MAX_ROWS = 5000

#: Rows of the table of a file, even if there are many files.
_MIN_ROWS = 50

_MAX_VALUES = 500

#: Parameters with new NaNs that a warning names.
_MAX_NAMED = 5


@dataclass(frozen=True, slots=True)
class _Fact:
    label: str
    text: str
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class _Side:
    label: str
    revision: str
    path: str
    format: str
    size: str
    parameters: str
    problem: str


@dataclass(frozen=True, slots=True)
class _Value:
    name: str
    kind: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class _Section:
    """The part of the page about one file."""

    path: str
    sides: tuple[_Side, ...]
    facts: tuple[_Fact, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    heat: HeatMap | None
    charts: tuple[Chart, ...]
    parts: tuple[Part, ...]
    bars: tuple[Bar, ...]
    values: tuple[_Value, ...]
    more_values: int
    table: Table


def page(
    changes: Sequence[CheckpointChange],
    *,
    title: str = "Changed parameters",
    revisions: tuple[str, str] = ("", ""),
    histograms: Sequence[Sequence[DifferenceHistogram]] = (),
    with_structure: bool = False,
) -> str:
    """A page of HTML that shows changes. The same arguments give the same page.

    The page refers to nothing outside of itself, and a browser is told to load nothing and to run no script
    but its own.

    Args:
        changes: One for each file; statistics are shown where they have them.
        title: Title of the page, as text.
        revisions: Names of the old and the new version, such as `HEAD~1` and `work tree`.
        histograms: Histograms for each file, in the order of `changes`; may be fewer.
        with_structure: Whether each file has a line about its modules.

    Raises:
        UsageError: Jinja2 isn't installed.
    """
    most = max(_MIN_ROWS, MAX_ROWS // max(1, len(changes)))
    pairs = zip_longest(changes, histograms[: len(changes)], fillvalue=())
    sections = [_section(change, revisions, found, most) for change, found in pairs]  # type: ignore[arg-type]
    if with_structure:
        sections = [
            replace(section, notes=(*_structure_notes(change), *section.notes))
            for section, change in zip(sections, changes, strict=True)
        ]
    return render(
        "page.html",
        title=printable(title),
        sections=sections,
        version=__version__,
        levels=range(LEVELS),
        bar_width=BAR_WIDTH,
        chart_width=CHART_WIDTH,
        chart_height=CHART_HEIGHT,
    )


def _section(
    change: CheckpointChange, revisions: tuple[str, str], histograms: Sequence[DifferenceHistogram], most: int
) -> _Section:
    broken = bool(change.old.problem or change.new.problem)
    found = () if broken else storage_parts(change)
    values = change.scalars or ()
    return _Section(
        path=name_text(change.old.path if change.new.absent else change.new.path),
        sides=(_side("Before", revisions[0], change.old), _side("After", revisions[1], change.new)),
        facts=() if broken else tuple(_facts(change)),
        warnings=tuple(_warnings(change)),
        notes=tuple(_notes(change)),
        heat=heat_map(change),
        charts=tuple(map(chart, histograms)),
        parts=found,
        bars=storage_bars(change, found),
        values=tuple(_value(value) for value in values[:_MAX_VALUES]),
        more_values=max(0, len(values) - _MAX_VALUES),
        table=parameter_table(change, most),
    )


def _side(label: str, revision: str, side: Side) -> _Side:
    manifest = side.manifest
    return _Side(
        label,
        name_text(revision),
        name_text(side.path),
        printable(manifest.format) if manifest else "",
        f"{human_size(manifest.size)} ({manifest.size:,} bytes)" if manifest else "",
        f"{len(manifest.entries):,}" if manifest else "",
        printable(side.problem) or ("not there" if side.absent else ""),
    )


def _facts(change: CheckpointChange) -> Iterator[_Fact]:
    counts = dict.fromkeys(ChangeKind, 0)
    for row in change.rows:
        counts[row.kind] += 1
    for kind in (
        ChangeKind.MODIFIED,
        ChangeKind.ADDED,
        ChangeKind.REMOVED,
        ChangeKind.RENAMED,
        ChangeKind.RETYPED,
        ChangeKind.RESHAPED,
    ):
        yield _Fact(kind.value, f"{counts[kind]:,}", quiet=not counts[kind])
    if counts[ChangeKind.MOVED]:
        yield _Fact(ChangeKind.MOVED.value, f"{counts[ChangeKind.MOVED]:,}")
    yield _Fact("unchanged", f"{change.diff.unchanged:,}", quiet=True)
    unaffected = (ChangeKind.RENAMED, ChangeKind.REMOVED, ChangeKind.MOVED)
    changed = sum(row.nbytes for row in change.rows if row.kind not in unaffected)
    yield _Fact("of values changed", human_size(changed))
    if change.stored is not None:
        yield _Fact("newly stored", human_size(change.stored))
    sums = _sums(change)
    if sums.relative is not None:
        yield _Fact("relative change", percent(sums.relative))


def _sums(change: CheckpointChange) -> Distance:
    known = [result for result in change.measured.values() if isinstance(result, Distance)]
    return reduce(add, known, Distance())


def _warnings(change: CheckpointChange) -> Iterator[str]:
    broken = {
        name: result.broken
        for name, result in change.measured.items()
        if isinstance(result, Distance) and result.broken
    }
    if broken:
        some = sorted(broken, key=lambda name: -broken[name])[:_MAX_NAMED]
        names = ", ".join(map(name_text, some)) + (", …" if len(broken) > len(some) else "")
        yield f"{plural(sum(broken.values()), 'element')} became NaN or infinite, in {names}."
    if change.missing:
        yield f"{plural(change.missing, 'object')} not here; what they take isn't counted."


def _structure_notes(change: CheckpointChange) -> Iterator[str]:
    """A sentence about the modules of both versions, if both can be read."""
    comparison = structure_change(change).comparison
    if comparison:
        yield f"Structure: {structure_summary(comparison)}."


def _notes(change: CheckpointChange) -> Iterator[str]:
    old, new = change.old, change.new
    if old.mode and new.mode and old.mode != new.mode:
        yield f"The mode changed from {old.mode} to {new.mode}."
    problems = [result for result in change.measured.values() if isinstance(result, str)]
    if problems:
        reason = printable(problems[0].splitlines()[0])
        yield f"No figures for {plural(len(problems), 'changed parameter')}: {reason}."
    if change.diff.changed and not change.measured:
        yield "The values weren't read, so how far they moved isn't known (--stat-values)."
    if change.scalars_problem:
        yield f"What changed besides parameters isn't known: {printable(change.scalars_problem)}."
    elif change.diff.layout and change.diff.same_parameters and not change.scalars:
        known = change.scalars is not None
        what = "The order of parameters or the bytes between them" if known else "The rest of the file"
        yield f"{what} changed."


def _value(value: ScalarChange) -> _Value:
    kind = "added" if value.old is None else "removed" if value.new is None else "changed"
    return _Value(name_text(value.name), kind, printable(value.old or ""), printable(value.new or ""))
