"""`git theta fsck`."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict

import click

from git_theta.cli.render import print_json
from git_theta.errors import CorruptError, GitError, MissingObjectError, UsageError
from git_theta.git.maintenance.fsck import FsckReport, Problem, run_fsck
from git_theta.git.maintenance.fsck_plan import FsckPlan, plan_fsck
from git_theta.git.maintenance.fsck_remote import fsck_remote
from git_theta.git.maintenance.repair import Repaired, repair
from git_theta.git.plumbing.command import Git
from git_theta.git.remote.remotes import fetch_remotes
from git_theta.git.repository.repository import Repository
from git_theta.git.repository.stronger_lines import advice, described, encoding_lines
from git_theta.report.text import borrowed_text, plural, printable
from git_theta.runtime.output import say, warn
from git_theta.runtime.progress import progress

_EPILOG = """\b
Examples:
  git theta fsck                               all that any branch, tag, stash or reflog has
  git theta fsck HEAD                          only what HEAD's history has
  git theta fsck --repair                      and fetch damaged and missing objects
  git theta fsck --remote origin origin/main   whether origin has all objects of this branch
"""


@click.command("fsck", epilog=_EPILOG, short_help="Check every object and every value.")
@click.argument("revs", nargs=-1)
@click.option("--repair", "repairing", is_flag=True, help="Fetch damaged and missing objects from remotes.")
@click.option("--remote", default="", help="Check a remote's objects instead; with --repair, fetch from it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(revs: tuple[str, ...], repairing: bool, remote: str, as_json: bool) -> None:
    """Check every object against its SHA-256, and every value of every version against its digest.

    Exits with a non-zero code if anything is missing or damaged. Objects that only pushed versions need may
    be absent, as after `git theta prune`: a checkout fetches them.
    """
    repository = Repository(Git())
    if remote and remote not in fetch_remotes(repository):
        raise UsageError(f"there's no remote {remote!r}", "`git remote` lists them")
    if remote and not repairing:
        _check_remote(repository, remote, revs, as_json)
        return
    repository.store.restore_quarantined()
    plan = plan_fsck(repository, revs)
    report = _run(repository, plan)
    repaired = None
    if repairing and (report.damaged or report.missing):
        repaired = repair(repository, report.damaged, report.missing, plan.named, remote)
        report = _run(repository, plan_fsck(repository, revs)) if repaired.objects else report
    if as_json:
        print_json(asdict(report) | ({"repaired": repaired.objects if repaired else ()} if repairing else {}))
    else:
        _print(report, everything=not revs)
        _warn_of_conversions(repository)
        if repaired:
            _print_repaired(repaired)
    if report.problems:
        raise CorruptError(
            f"{plural(len(report.problems), 'problem')} found", _hint(repository, report, repairing, repaired)
        )


def _run(repository: Repository, plan: FsckPlan) -> FsckReport:
    with progress("checking", plan.nbytes) as advance:
        return run_fsck(repository, plan, advance)


def _check_remote(repository: Repository, remote: str, revs: Iterable[str], as_json: bool) -> None:
    report = fsck_remote(repository, remote, revs)
    if as_json:
        print_json(asdict(report))
    else:
        _print_problems(report.problems)
        say(
            f"{plural(report.objects, 'object')} of {plural(report.versions, 'version')} looked for at "
            f"{report.url}."
        )
    if report.missing:
        raise MissingObjectError(
            f"{plural(len(report.missing), 'object')} of {report.objects:,} not at {remote}",
            f"git theta push {remote} --all",
        )
    if report.problems:
        raise CorruptError(f"{plural(len(report.problems), 'problem')} found")


def _print(report: FsckReport, everything: bool) -> None:
    _print_problems(report.problems)
    say(
        f"{plural(report.objects, 'object')}, {plural(report.values, 'distinct value')} of "
        f"{plural(report.versions, 'version')} checked."
    )
    if report.replaced:
        say(f"{plural(report.replaced, 'value')} read by alternative sources, as own objects were pruned.")
    if report.alternatives:
        say(f"{plural(report.alternatives, 'other alternative source')} checked.")
    if report.incomplete:
        verb = "lacks" if report.incomplete == 1 else "lack"
        say(f"{plural(report.incomplete, 'alternative source')} {verb} objects here; own ones are used.")
    for warning in report.warnings:
        warn(f"warning: {warning.message}")
    if report.elsewhere:
        verb, them = ("isn't", "it") if report.elsewhere == 1 else ("aren't", "them")
        say(
            f"{plural(report.elsewhere, 'object')} of pushed versions {verb} here; a checkout fetches {them}."
        )
    if report.borrowed:
        say(borrowed_text(report.borrowed, "git theta fetch --all"))
    if report.unreferenced and everything:
        they_do = "it does" if report.unreferenced == 1 else "they do"
        say(f"{plural(report.unreferenced, 'object')} named by no version; {they_do} no harm.")
    if report.swept:
        say(f"{plural(report.swept, 'leftover temporary file')} removed.")


def _warn_of_conversions(repository: Repository) -> None:
    with suppress(GitError):  # a bare repository has no attributes of files
        for line in encoding_lines(repository):
            warn(f"warning: {described(line)}", advice(line))


def _print_repaired(repaired: Repaired) -> None:
    for name, error in repaired.errors.items():
        warn(f"{name}: {error.message}")
    say(f"{plural(len(repaired.objects), 'object')} repaired.")


def _print_problems(problems: Iterable[Problem]) -> None:
    for problem in problems:
        warn(f"{_where(problem)}{problem.message}")


def _hint(repository: Repository, report: FsckReport, repairing: bool, repaired: Repaired | None) -> str:
    if not (report.damaged or report.missing):
        return ""
    copy = "copy the objects named above from another clone's .git/theta/objects"
    if not fetch_remotes(repository):
        return f"there's no remote to fetch from; {copy}"
    if not repairing:
        return "fetch these objects again: git theta fsck --repair"
    return (repaired.hint if repaired else "") or copy


def _where(problem: Problem) -> str:
    path = printable(problem.path)
    place = f"{problem.rev[:10]}:{path}" if problem.rev else path
    return f"{place}: " if place else ""
