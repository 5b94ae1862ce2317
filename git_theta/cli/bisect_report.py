"""Bisections as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from git_theta.bisection.bisection import Outcome
from git_theta.cli.log import change_counts, change_names, changes_json, commit_json, heading
from git_theta.git.bisection.finding import Finding
from git_theta.git.bisection.version_runs import TestedModel, VersionRuns
from git_theta.report.text import plural, printable

#: Models and versions that a line names.
_SHOWN = 10


def progress_line(tested: TestedModel, outcome: Outcome, left: int, *, is_flaky: bool) -> str:
    """A line about a version whose test has run."""
    value = "" if tested.value is None else f" {tested.value:g}"
    notes = []
    if tested.reason and outcome is not Outcome.GOOD:
        notes.append(tested.reason)
    if is_flaky:
        notes.append(f"the results of {len(tested.results)} runs disagree")
    if tested.results and not tested.runs:
        notes.append("from an earlier run")
    said = f" ({'; '.join(notes)})" if notes else ""
    more = f"; about {plural(left, 'test')} left" if left else ""
    version = tested.version
    return f"{version.commit[:10]} {printable(version.name)}:{value} {outcome.value}{said}{more}"


def finding_lines(found: Finding, test: str) -> Iterator[str]:
    """The first bad version, what it changed, and the models that were made from it."""
    yield heading(found.commit)
    name = printable(found.version.name)
    if found.suspects:
        yield f"    {name} fails {test}; the first bad version may be any of these, which can't be tested:"
        yield from (f"        {heading(commit)}" for commit in found.suspects if commit != found.commit)
    elif found.has_good:
        yield f"    {name}: the first version that fails {test}{_values(found)}"
    else:
        yield f"    {name} fails {test} in its oldest version; no version that was tested passes"
    for changes in found.changes:
        if changes.diff is None:
            yield f"    {printable(changes.note)}"
            continue
        yield f"    {change_counts(changes, changes.diff)}"
        yield from (f"        {line}" for line in change_names(changes.diff))
    if found.is_boundary:
        yield "    the history of this shallow clone ends here: git fetch --unshallow gets the rest"
    if found.affected:
        yield f"    made from it: {_listed(found.affected)}"


def effort_lines(runs: VersionRuns, findings: Sequence[Finding]) -> Iterator[str]:
    """The number of runs, the criterion, and the versions whose runs disagree."""
    total = sum(found.count for found in findings)
    effort = f"{plural(runs.runs, 'run')} for {plural(total, 'version')}"
    yield f"{effort}; a bad version is one that {runs.criterion}"
    flaky = [each.version.commit[:10] for each in runs.tested.values() if each.is_flaky(runs.criterion)]
    if flaky:
        yield f"runs disagree, so the result isn't certain: {_listed(flaky)}"


def finding_json(found: Finding) -> dict[str, Any]:
    """The first bad version, as JSON."""
    return {
        **commit_json(found.commit),
        "commit": None if found.suspects else found.commit.oid,
        "model": found.version.name,
        "value": found.value,
        "before": [
            {"commit": version.commit, "model": version.name, "value": value}
            for version, value in found.before
        ],
        "passed": found.has_good,
        "changes": [changes_json(changes) for changes in found.changes],
        "affected": list(found.affected),
        "suspects": [commit.oid for commit in found.suspects],
        "boundary": found.is_boundary,
    }


def tested_json(runs: VersionRuns) -> list[dict[str, Any]]:
    """The versions that were tested, as JSON."""
    return [
        {
            "commit": tested.version.commit,
            "model": tested.version.name,
            "value": tested.value,
            "outcome": tested.outcome(runs.criterion).value,
            "runs": tested.runs,
            "flaky": tested.is_flaky(runs.criterion),
            "problem": tested.reason,
        }
        for tested in runs.tested.values()
    ]


def _values(found: Finding) -> str:
    """The values before and at the first bad version, as far as they're known."""
    before = [f"{value:g}" for _, value in found.before if value is not None]
    if found.value is None:
        return ""
    return f": {found.value:g}" + (f", after {' and '.join(before)}" if before else "")


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(map(printable, names[:_SHOWN])) + (f" and {more:,} more" if more > 0 else "")
