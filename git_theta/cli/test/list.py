"""`git theta test list`."""

from __future__ import annotations

import shlex

import click

from git_theta.cli.render import print_json, print_table
from git_theta.evaluation.model_test import EVERY_MODEL, ModelTest
from git_theta.evaluation.tests_text import drop_text
from git_theta.evaluation.views.as_json import test_json
from git_theta.git.evaluation.tracked_tests import read_tests
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.runtime.output import say


@click.command("list", short_help="List the tests.")
@click.option("--rev", metavar="REV", help="The tests of a revision.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(rev: str | None, as_json: bool) -> None:
    """List the tests, the models that each is for, and its command."""
    tests = read_tests(Repository(Git()), rev)
    if as_json:
        print_json({"tests": [test_json(test) for test in tests]})
    elif tests:
        print_table(("test", "models", "metric", "max drop", "guard", "command"), map(_row, tests))
    else:
        say("There are no tests: git theta test add")


def _row(test: ModelTest) -> tuple[str, ...]:
    direction = "" if not test.metric else (" (higher)" if test.higher_is_better else " (lower)")
    return (
        test.name,
        ", ".join("all" if selector == EVERY_MODEL else selector for selector in test.on),
        (test.metric or "exit code") + direction,
        "" if test.max_drop is None else drop_text(test.max_drop, test.is_share),
        "yes" if test.is_guard else "no",
        shlex.join(test.command),
    )
