"""`git theta test remove`."""

from __future__ import annotations

import click

from git_theta.evaluation.model_test import find_test
from git_theta.evaluation.tests_text import TESTS_FILE, parse_tests, without_test
from git_theta.git.evaluation.tracked_tests import read_tests_text, write_tests
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.repository import Repository
from git_theta.report.text import printable
from git_theta.runtime.output import say


@click.command("remove", short_help="Remove a test.")
@click.argument("name")
def command(name: str) -> None:
    """Remove a test from .theta/tests.toml. Its recorded results stay."""
    repository = Repository(Git())
    text = read_tests_text(repository, None)
    find_test(parse_tests(text), name)
    write_tests(repository, without_test(text, name))
    say(f"{TESTS_FILE}: test {printable(name)} is removed")
