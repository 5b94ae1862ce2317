"""`git theta fsck`."""

from __future__ import annotations

from dataclasses import asdict

import click

from git_theta.cli.render import plural, print_json, printable
from git_theta.errors import CorruptError
from git_theta.git.check import Problem, check, plan
from git_theta.git.command import Git
from git_theta.git.repository import Repository
from git_theta.progress import progress

_EPILOG = """\b
Examples:
  git theta fsck            everything that any branch, tag, stash or reflog has
  git theta fsck HEAD       only what HEAD's history has
"""


@click.command("fsck", epilog=_EPILOG, short_help="Check every object and every value.")
@click.argument("revs", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(revs: tuple[str, ...], as_json: bool) -> None:
    """Check every object against its SHA-256, and every value of every version against its digest.

    Exits with a non-zero code if anything is missing or damaged.
    """
    repository = Repository(Git())
    work = plan(repository, revs)
    with progress("checking", work.nbytes) as advance:
        report = check(repository, work, advance)
    if as_json:
        print_json(asdict(report))
    else:
        for problem in report.problems:
            click.echo(f"{_where(problem)}{problem.message}", err=True)
        click.echo(
            f"{plural(report.objects, 'object')}, {plural(report.values, 'distinct value')} of "
            f"{plural(report.versions, 'version')} checked."
        )
        if report.unreferenced and not revs:
            click.echo(f"{plural(report.unreferenced, 'object')} named by no version; they do no harm.")
        if report.swept:
            click.echo(f"{plural(report.swept, 'leftover temporary file')} removed.")
    if report.problems:
        raise CorruptError(
            f"{plural(len(report.problems), 'problem')} found",
            "copy the objects named above from another clone's .git/theta/objects",
        )


def _where(problem: Problem) -> str:
    path = printable(problem.path)
    place = f"{problem.rev[:10]}:{path}" if problem.rev else path
    return f"{place}: " if place else ""
