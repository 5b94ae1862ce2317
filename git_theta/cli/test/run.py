"""`git theta test run`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import click

from git_theta.cli.executor_option import executor_option
from git_theta.cli.render import print_json, print_table
from git_theta.errors import UsageError
from git_theta.evaluation.comparison import ComparedResult, number, summary
from git_theta.evaluation.model_test import ModelTest, check_test
from git_theta.evaluation.result import TestResult
from git_theta.evaluation.views.as_json import results_json
from git_theta.evaluation.views.junit import results_junit
from git_theta.evaluation.views.markdown import results_markdown
from git_theta.evaluation.views.table import result_table
from git_theta.git.evaluation.chosen_versions import VersionChoice, chosen_versions, merge_base
from git_theta.git.evaluation.compared_run import RunChoices, compared_run
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.record_results import old_results, record_results
from git_theta.git.evaluation.tracked_tests import read_tests, split_words
from git_theta.git.evaluation.unadded_files import unadded_files
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.history.revisions import path_from_top, resolve_commit
from git_theta.git.jobs.evaluate_elsewhere import WAITING, evaluated_elsewhere
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import duration, plural, printable
from git_theta.report.write_report import write_report
from git_theta.runtime.output import say, warn

_EPILOG = """\b
Examples:
  git theta test run
  git theta test run accuracy sst2 mnli
  git theta test run --changed --base origin/main --junit report.xml --markdown comment.md
  git theta test run accuracy sst2 --rev v1..main
"""


@click.command("run", epilog=_EPILOG, short_help="Run tests on models, and compare the results.")
@click.argument("words", nargs=-1, metavar="[TEST]... [MODEL]...")
@click.option(
    "--rev",
    "revs",
    multiple=True,
    metavar="REV",
    help="The models of a revision, or all their versions in a range such as v1..main. May be repeated.",
)
@click.option(
    "--changed", is_flag=True, help="Only models that differ from where the branch left its upstream."
)
@click.option(
    "--base",
    metavar="REV",
    help="Compare with the models of REV; with --changed, test those that differ from it.",
)
@click.option(
    "--compare",
    type=click.Choice(["both", "previous", "parents", "none"]),
    default="both",
    help="Results to show beside: of the version before, of the parents, or both.",
)
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), default=1, metavar="N", help="Commands to run at once."
)
@executor_option
@click.option("--timeout", type=float, metavar="SECONDS", help="The longest that a command may take.")
@click.option("--again", is_flag=True, help="Run commands even if they ran on the same content before.")
@click.option("--record", is_flag=True, help="Write the results to .theta/results, to be committed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--junit", type=click.Path(), metavar="FILE", help="Write JUnit XML.")
@click.option(
    "--markdown", type=click.Path(), metavar="FILE", help="Write a table in Markdown; - for stdout."
)
def command(
    words: tuple[str, ...],
    revs: tuple[str, ...],
    changed: bool,
    base: str | None,
    compare: str,
    jobs: int,
    executor: str,
    timeout: float | None,
    again: bool,
    record: bool,
    as_json: bool,
    junit: str | None,
    markdown: str | None,
) -> int:
    """Run tests on models, each on a copy in a scratch folder. The work tree isn't touched.

    Words before the first that isn't the name of a test are tests; the others are models. Without any, all
    tests run on all models that they're for. The models are those of the index; with --rev, those of
    revisions, by the tests and scripts of the work tree.

    The same content isn't tested twice: parameters, command, and the files that it names. Values are compared
    with those of the model's version before, and of its parents; an exclamation mark says that a metric is
    worse by more than the test's max-drop. The exit code is 1 if a test fails, or if a metric is so much
    worse than that of the version before; or than those of parents, if the test is held against these.
    """
    if record and revs:
        raise UsageError("results are recorded beside the models of the index", "leave --rev or --record out")
    git = Git()
    repository = Repository(git)
    tests = read_tests(repository)
    if not tests:
        raise UsageError("there are no tests", "git theta test add registers one")
    named, models = split_words(tests, words)
    paths = [path_from_top(git, word) for word in models]
    choices = _choices(git, changed, base, compare, jobs, again)
    choice = VersionChoice(paths, revs, choices.base if changed else "")
    with VersionTrees(repository) as trees:
        chosen = chosen_versions(
            trees, [_limited(test, timeout) for test in named or tests], choice, is_named=bool(named)
        )
        of_index = [each.model for each in chosen if not each.commit]
        for path in unadded_files(trees.tree(""), of_index) if of_index else ():
            warn(f"{path} has changes that aren't added: the version in the index is tested")
        if record:
            # Before hours of work.
            for model in dict.fromkeys(each.model for each in chosen):
                old_results(repository, model)
        threads = max(1, repository.settings.thread_count // jobs)
        used = dict.fromkeys(each.test for each in chosen)
        with (
            evaluated_elsewhere(repository, used, executor, warn) as elsewhere,
            Evaluator(repository, threads, elsewhere) as evaluator,
        ):
            if elsewhere:
                choices = replace(choices, jobs=max(jobs, WAITING))
            results = compared_run(trees, evaluator, chosen, choices, _reporter())
    if as_json:
        print_json(results_json(results))
    elif markdown == "-":
        say(*results_markdown(results).splitlines())
    else:
        _print_results(results)
    if junit:
        write_report(results_junit(results).decode(), junit)
    if markdown and markdown != "-":
        write_report(results_markdown(results), markdown)
    if record:
        written = record_results(repository, results)
        if written and not as_json:
            say(f"recorded in {plural(len(written), 'file')}: git add .theta/results")
    return 0 if all(each.is_good for each in results) else 1


def _limited(test: ModelTest, timeout: float | None) -> ModelTest:
    if timeout is None:
        return test
    limited = replace(test, timeout=timeout)
    check_test(limited)
    return limited


def _choices(git: Git, changed: bool, base: str | None, compare: str, jobs: int, again: bool) -> RunChoices:
    commit = resolve_commit(git, base) if base else merge_base(git) if changed else ""
    return RunChoices(compare in ("both", "previous"), compare in ("both", "parents"), commit, jobs, again)


def _reporter() -> Callable[[TestResult], object]:
    """Reports finished runs on a terminal, for those who wait."""
    if not sys.stderr.isatty():
        return lambda _result: None

    def report(result: TestResult) -> None:
        if not result.is_cached:
            told = result.problem or number(result.value)
            warn(f"{result.test} {printable(result.title)}: {told} ({duration(result.seconds)})")

    return report


def _print_results(results: Sequence[ComparedResult]) -> None:
    if not results:
        say("No model has changed.")
        return
    print_table(*result_table(results))
    for each in results:
        if each.result.problem:
            say("", f"{each.result.test} {printable(each.result.title)}: {each.reason}")
            say(*(f"    {line}" for line in each.result.output.splitlines()))
        if each.result.remark:
            say("", f"{each.result.test} {printable(each.result.title)}: {printable(each.result.remark)}")
    say("", summary(results))
