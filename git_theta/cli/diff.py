"""`git theta diff`."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace

import click

from git_theta.cli.diff_page import side_names, write_page
from git_theta.cli.render import print_json
from git_theta.errors import ThetaError, UsageError
from git_theta.git.history.changed_files import Changed, changed, names_revision, revisions
from git_theta.git.history.versions import Sides
from git_theta.git.plumbing.colour import painted, palette
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import explain
from git_theta.git.repository.repository import Repository, current
from git_theta.git.repository.revspec import find_manifest
from git_theta.report.as_json import change_json
from git_theta.report.change import FileChange
from git_theta.report.distance import measure
from git_theta.report.lines import SHOWN, lines
from git_theta.report.side import Side
from git_theta.settings import Settings

_EPILOG = """\b
Examples:
  git theta diff                                what changed since git add
  git theta diff --cached                       what git commit would commit
  git theta diff HEAD~1                         the work tree against a commit
  git theta diff v1.0 main -- models/           two commits, some paths
  git theta diff --stat-values HEAD~1 HEAD      with norms of the changes
  git theta diff --stat-values --html a.html    a page with charts
  git theta diff main:a.safetensors b.pt        any two versions or files
"""

#: Where a click command keeps what followed `--`.
_PATHS = "git_theta.paths"


class _Command(click.Command):
    """Keeps apart what precedes and what follows `--`, which click would join."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta[_PATHS] = args[at + 1 :]
            args = args[:at]
        return super().parse_args(ctx, args)


@click.command(
    "diff", cls=_Command, epilog=_EPILOG, short_help="Show what changed between versions, by parameter."
)
@click.argument("words", metavar="[REV [REV]] [--] [PATH]", nargs=-1, type=click.UNPROCESSED)
@click.option("--cached", "--staged", "cached", is_flag=True, help="Compare the index, not the work tree.")
@click.option("--stat-values", "figures", is_flag=True, help="Read the values: norms, cosines, NaNs.")
@click.option("--no-index", is_flag=True, help="Compare two files, tracked or not.")
@click.option("--all", "everything", is_flag=True, help=f"Show every line, not just the first {SHOWN}.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", metavar="FILE", help="Write a page of HTML, with charts if --stat-values is given.")
@click.pass_context
def command(
    ctx: click.Context,
    words: tuple[str, ...],
    cached: bool,
    figures: bool,
    no_index: bool,
    everything: bool,
    as_json: bool,
    html: str | None,
) -> None:
    """Show which parameters changed, how, and what the new version costs.

    Names that differ only in numbers share a line. Without `--stat-values`, only manifests are read.
    Two paths of which one isn't tracked are compared with each other; they needn't have the same format.
    """
    paths: list[str] | None = ctx.meta.get(_PATHS)
    if html is not None:
        if as_json:
            raise UsageError("--html and --json are different outputs", "leave one of them out")
        # Comparing with the work tree goes to its top.
        html = os.path.abspath(html)
    repository = current()
    names = ("", "")
    if no_index or (paths is None and _are_versions(repository, words)):
        versions = [*words, *(paths or ())]
        sides = Sides(repository)
        pairs = (_versions(sides, repository, versions) for _ in range(1))
    else:
        if html is not None:
            names = _names(words, paths, cached=cached)
        items = _changed(words, paths, cached=cached)
        sides = Sides(Repository(Git()))
        # A file whose time stamp alone is another is no change.
        pairs = (change for item in items if (change := _compared(sides, item)))
    try:
        threads = (repository.settings if repository else Settings()).thread_count
        found = (_with_distances(sides, change, threads) if figures else change for change in pairs)
        if as_json:
            print_json([change_json(change) for change in found])
            return
        if html is not None:
            write_page(found, html, names, threads)
            return
        colours = palette(Git(), terminal=sys.stdout.isatty()) if repository else {}
        for change in found:
            _print(painted(lines(change, None if everything else SHOWN), colours))
    finally:
        sides.close()


def _print(text: bytes) -> None:
    sys.stdout.buffer.write(text)
    sys.stdout.buffer.flush()


def _with_distances(sides: Sides, change: FileChange, threads: int) -> FileChange:
    """With how far each changed value moved."""
    if change.old.reader is None or change.new.reader is None:
        return change
    try:
        sides.fetch(change)
    except ThetaError as error:
        # What is here can be compared all the same.
        explain(change.new.path, error)
    found = measure(change.diff.changed, change.old.reader, change.new.reader, threads)
    return replace(change, measured=found)


# Two versions that the user names


def _are_versions(repository: Repository | None, words: Sequence[str]) -> bool:
    """Whether the words are two files, or `REV:PATH`, rather than revisions or paths to look at."""
    if len(words) != 2 or words[0].startswith("-"):
        return False
    if repository is None:
        return True
    git = repository.git
    if any(names_revision(git, word) for word in words):
        return False
    if any(":" in word and not os.path.exists(word) for word in words):
        return True
    return all(map(os.path.isfile, words)) and not all(
        git.ok("ls-files", "--error-unmatch", "--", f":(literal){word}") for word in words
    )


def _versions(sides: Sides, repository: Repository | None, words: Sequence[str]) -> FileChange:
    if len(words) != 2:
        raise UsageError("--no-index needs two files", "git theta diff --no-index OLD NEW")
    old, new = (_version(sides, repository, word) for word in words)
    return sides.compare(old, new)


def _version(sides: Sides, repository: Repository | None, word: str) -> Side:
    if os.path.lexists(word):
        return sides.file(os.path.realpath(word), word)
    if repository and ":" in word:
        return sides.stored(word, find_manifest(repository.git, word))
    raise UsageError(f"there's no file {word}")


# What Git says has changed


def _changed(words: Sequence[str], paths: list[str] | None, *, cached: bool) -> list[Changed]:
    """What Git says, with paths from the top of the work tree; then go there."""
    repository = Repository(Git())
    git = repository.git
    revs, pathspecs = _split(git, words) if paths is None else (list(words), paths)
    known = revisions(git, revs)
    if cached and len(known) > 1:
        raise UsageError("--cached compares the index with one revision", "name one, or leave --cached out")
    found = changed(git, known, pathspecs, cached=cached)
    if len(known) < 2 and not cached:
        os.chdir(repository.root)
    return found


def _names(words: Sequence[str], paths: list[str] | None, *, cached: bool) -> tuple[str, str]:
    """What the two versions are called."""
    git = Git()
    revs = _split(git, words)[0] if paths is None else words
    return side_names(git, revisions(git, revs), cached=cached)


def _split(git: Git, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Revisions and then paths, told apart as Git does."""
    count = 0
    while count < len(words) and names_revision(git, words[count]):
        count += 1
    for word in words[count:]:
        if not os.path.lexists(word) and not git.run("ls-files", "--", word):
            raise UsageError(
                f"{word!r} is neither a revision nor a path",
                f"to name a path that isn't there any more: git theta diff -- {shlex.quote(word)}",
            )
    return list(words[:count]), list(words[count:])


def _compared(sides: Sides, item: Changed) -> FileChange:
    if not item.merged:
        conflict = Side(item.old_path, problem="in conflict; take a side")
        return sides.compare(conflict, conflict)
    old = sides.blob(item.old_path, item.old_oid, item.old_mode) if item.old_mode else Side(item.old_path)
    if not item.new_mode:
        new = Side(item.new_path)
    elif item.new_oid:
        new = sides.blob(item.new_path, item.new_oid, item.new_mode)
    else:
        new = sides.file(item.new_path, item.new_path, item.new_mode)
    return sides.compare(old, new)
