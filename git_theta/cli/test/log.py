"""`git theta test log`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from git_theta.cli.render import print_json, print_table
from git_theta.errors import UsageError
from git_theta.evaluation.comparison import number, signed
from git_theta.evaluation.recorded_results import RecordedResult
from git_theta.evaluation.views.chart_page import MetricChart, chart_page
from git_theta.evaluation.views.line_chart import ChartPoint
from git_theta.evaluation.views.sparkline import outcome_line, sparkline
from git_theta.git.evaluation.chosen_versions import VersionChoice, models_of
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.result_log import LoggedVersion, result_log
from git_theta.git.evaluation.tracked_tests import read_tests, split_words
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.history.revisions import path_from_top, resolve_commit
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import plural, printable
from git_theta.report.write_report import write_report
from git_theta.runtime.output import say

_EPILOG = """\b
Examples:
  git theta test log
  git theta test log accuracy sst2
  git theta test log sst2 --rev main --html metrics.html
"""


@click.command("log", epilog=_EPILOG, short_help="Show metrics through history.")
@click.argument("words", nargs=-1, metavar="[TEST]... [MODEL]...")
@click.option("--rev", default="HEAD", metavar="REV", help="The revision to begin at.")
@click.option(
    "--recorded", is_flag=True, help="Only results that are recorded in commits, not those of runs here."
)
@click.option("--html", type=click.Path(), metavar="FILE", help="Write a page with charts.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(words: tuple[str, ...], rev: str, recorded: bool, html: str | None, as_json: bool) -> None:
    """Show the results of tests through the versions of models. Nothing is run.

    Results are those that git theta test run --record wrote and that were committed, at any time after the
    version; and those of runs in this repository. Each belongs to the parameters that were tested.
    """
    git = Git()
    repository = Repository(git)
    tests = read_tests(repository)
    named, models = split_words(tests, words)
    commit = resolve_commit(git, rev)
    chosen = VersionChoice([path_from_top(git, word) for word in models])
    logs = {}
    with VersionTrees(repository) as trees, Evaluator(repository) as evaluator:
        for model in models_of(trees, chosen, commit):
            known = None if recorded else evaluator
            fitting = [test for test in named or tests if named or trees.is_for(test, model, commit)]
            logs[model] = result_log(trees, model, commit, fitting, known)
    names = {test.name for test in named}
    shown = {model: log for model, log in logs.items() if models or _tests_of(log, names)}
    if html:
        charts = [_chart(model, test, log) for model, log in shown.items() for test in _tests_of(log, names)]
        write_report(chart_page(f"Metrics up to {rev}", charts), html)
        return
    if as_json:
        print_json({"models": [_as_json(model, log, names) for model, log in shown.items()]})
        return
    if not any(_tests_of(log, names) for log in shown.values()):
        raise UsageError("no results are known", "git theta test run --record records them")
    for model, log in shown.items():
        _print_log(model, log, names, is_alone=len(shown) == 1)


def _tests_of(log: Sequence[LoggedVersion], names: set[str]) -> list[str]:
    found = dict.fromkeys(test for each in log for test in each.results)
    return [test for test in found if not names or test in names]


def _print_log(model: str, log: Sequence[LoggedVersion], names: set[str], *, is_alone: bool) -> None:
    for test in _tests_of(log, names):
        results = [each.results.get(test) for each in log]
        values = [result.value if result else None for result in results]
        present = [value for value in values if value is not None]
        if present:
            line = f"{sparkline(values[::-1])}  {number(present[0])}"
        else:
            line = outcome_line([result.ok if result else None for result in results[::-1]])
        say(f"{test} {printable(model)}, {plural(len(log), 'version')}: {line}")
        if is_alone:
            rows = [
                _row(each, result, values[index + 1 :])
                for index, (each, result) in enumerate(zip(log, results, strict=True))
            ]
            print_table(("commit", "date", ">value", ">change", "result", "subject"), rows)


def _chart(model: str, test: str, log: Sequence[LoggedVersion]) -> MetricChart:
    points = []
    for each in reversed(log):
        version, result = each.version, each.results.get(test)
        value = result.value if result else None
        state = "not tested" if result is None else result.problem or number(value)
        note = f"{version.commit[:10]} {version.date[:10]} {state}: {version.subject}"
        points.append(ChartPoint(value, note))
    return MetricChart(test, model, tuple(points))


def _row(
    each: LoggedVersion, result: RecordedResult | None, older: Sequence[float | None]
) -> tuple[str, ...]:
    version = each.version
    value = result.value if result else None
    before = next((other for other in older if other is not None), None)
    state = "" if result is None else result.problem or ("passed" if result.ok else "failed")
    return (
        version.commit[:10],
        version.date[:10],
        number(value),
        signed(before, value),
        state,
        printable(version.subject),
    )


def _as_json(model: str, log: Sequence[LoggedVersion], names: set[str]) -> dict[str, Any]:
    return {
        "model": model,
        "versions": [
            {
                "commit": each.version.commit,
                "date": each.version.date,
                "subject": each.version.subject,
                "path": each.version.path,
                "digest": each.version.model or None,
                "results": {
                    test: {"value": result.value, "ok": result.ok, "problem": result.problem}
                    for test, result in each.results.items()
                    if not names or test in names
                },
            }
            for each in log
        ],
    }
