"""`git theta diff`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from git_theta.cli.diff_page import write_page
from git_theta.cli.render import print_json
from git_theta.errors import ThetaError, UsageError
from git_theta.git.history.changed_files import ChangedFile, at_top, changed_files
from git_theta.git.history.diff_arguments import (
    compared_revisions,
    name_two_versions,
    split_arguments,
    version_titles,
)
from git_theta.git.history.tree_payloads import TreePayloads
from git_theta.git.history.versions import VersionReader
from git_theta.git.plumbing.colour import painted, palette
from git_theta.git.plumbing.command import Git
from git_theta.git.plumbing.notices import explain
from git_theta.git.repository.repository import Repository, current_repository
from git_theta.git.repository.revspec import find_manifest
from git_theta.report.as_json import change_json
from git_theta.report.change import CheckpointChange
from git_theta.report.distance import measure
from git_theta.report.lines import SHOWN, lines
from git_theta.report.quantized_values import quantized_pairs
from git_theta.report.side import Side
from git_theta.runtime.output import write_stdout
from git_theta.settings import Settings

_EPILOG = """\b
Examples:
  git theta diff                                changes since git add
  git theta diff --cached                       changes that git commit would record
  git theta diff HEAD~1                         the work tree against a commit
  git theta diff v1.0 main -- models/           two commits, some paths
  git theta diff --stat-values HEAD~1 HEAD      with norms of the changes
  git theta diff --stat-values --html a.html    a page with charts
  git theta diff main:a.safetensors b.pt        any two versions or files
"""

#: The key, in click's context, of the words after `--`.
_PATHS = "git_theta.paths"


class _Command(click.Command):
    """A command that keeps the words before and after `--` apart; click would join them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            end = args.index("--")
            ctx.meta[_PATHS] = args[end + 1 :]
            args = args[:end]
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
    if html is not None and as_json:
        raise UsageError("--html and --json are different outputs", "leave one of them out")
    repository = current_repository()
    threads = (repository.settings if repository else Settings()).thread_count
    titles = ("", "")
    if no_index or (paths is None and name_two_versions(repository.git if repository else None, words)):
        versions = VersionReader(repository)
        changes: Iterator[CheckpointChange] = _compare_named(versions, repository, [*words, *(paths or ())])
    else:
        repository = Repository(Git())
        revs, pathspecs = split_arguments(repository.git, words) if paths is None else (list(words), paths)
        revs = compared_revisions(repository.git, revs)
        items, root = _changed(repository, revs, pathspecs, cached=cached)
        before = revs[0] if revs else "HEAD" if cached else None
        versions = VersionReader(repository, root, TreePayloads(at_top(repository.git), before))
        # A file of which only the time stamp changed is left out.
        changes = filter(None, map(versions.compare_changed, items))
        if html is not None:
            titles = version_titles(repository.git, revs, cached=cached)
    try:
        if figures:
            changes = (_with_distances(versions, change, threads) for change in changes)
        if as_json:
            print_json([change_json(change) for change in changes])
        elif html is not None:
            write_page(changes, html, titles, threads)
        else:
            _print(changes, repository, None if everything else SHOWN)
    finally:
        versions.close()


def _compare_named(
    versions: VersionReader, repository: Repository | None, names: Sequence[str]
) -> Iterator[CheckpointChange]:
    """The change between two versions that the user names."""
    if len(names) != 2:
        raise UsageError("--no-index needs two files", "git theta diff --no-index OLD NEW")
    old, new = (_named_version(versions, repository, name) for name in names)
    yield versions.compare(old, new)


def _named_version(versions: VersionReader, repository: Repository | None, name: str) -> Side:
    if os.path.lexists(name):
        return versions.from_file(os.path.realpath(name), name)
    if repository and ":" in name:
        return versions.from_manifest(name, find_manifest(repository.git, name))
    raise UsageError(f"there's no file {name}")


def _changed(
    repository: Repository, revs: Sequence[str], paths: Sequence[str], *, cached: bool
) -> tuple[list[ChangedFile], Path]:
    """The files that differ according to Git, and the folder from which their paths count."""
    if cached and len(revs) > 1:
        raise UsageError("--cached compares the index with one revision", "name one, or leave --cached out")
    found = changed_files(repository.git, revs, paths, cached=cached)
    # A bare repository has revisions and an index, but no root.
    return found, repository.root if len(revs) < 2 and not cached else Path()


def _with_distances(versions: VersionReader, change: CheckpointChange, threads: int) -> CheckpointChange:
    """A change with the distance of each changed value."""
    if change.old.reader is None or change.new.reader is None:
        return change
    try:
        versions.fetch_values(change)
    except ThetaError as error:
        # Values that are here can be compared all the same.
        explain(change.new.path, error)
    quantized = quantized_pairs(change.diff.changed, change.old, change.new)
    found = measure(change.diff.changed, change.old.reader, change.new.reader, threads, quantized)
    return replace(change, measured=found)


def _print(changes: Iterator[CheckpointChange], repository: Repository | None, limit: int | None) -> None:
    colours = palette(Git(), terminal=sys.stdout.isatty()) if repository else {}
    for change in changes:
        write_stdout(painted(lines(change, limit), colours))
