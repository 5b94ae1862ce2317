"""`git theta diff`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import click

from git_theta.cli.diff_page import write_page
from git_theta.cli.render import print_json
from git_theta.combine.files import parts_at
from git_theta.errors import ThetaError, UsageError
from git_theta.git.history.changed_files import ChangedFile, at_top, changed_files, tree_of_head
from git_theta.git.history.changed_models import ChangedModel, changed_models, shard_pathspecs
from git_theta.git.history.compared_versions import ComparedVersion
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
from git_theta.git.repository.models import find_model
from git_theta.git.repository.repository import Repository, current_repository
from git_theta.report.as_json import change_json
from git_theta.report.change import CheckpointChange
from git_theta.report.distance import measure
from git_theta.report.lines import SHOWN, Line, lines
from git_theta.report.quantized_values import quantized_pairs
from git_theta.report.side import Side, model_side
from git_theta.report.structure_change import structure_change
from git_theta.report.structure_json import structure_json
from git_theta.report.structure_lines import structure_lines
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
  git theta diff --structure a.safetensors b.pt     their modules: added, removed, moved
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
@click.option(
    "--structure", is_flag=True, help="Compare modules rather than parameters: the graph of layers."
)
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
    structure: bool,
    no_index: bool,
    everything: bool,
    as_json: bool,
    html: str | None,
) -> None:
    """Show which parameters changed, how, and what the new version costs.

    Names that differ only in numbers share a line. Without `--stat-values`, only manifests are read.
    Two paths of which one isn't tracked are compared with each other; they needn't have the same format.

    The shards of a model are told together. A parameter that moved to another shard is marked by `>`. To name
    all shards of a model, give their index, their folder, or the path that it would have as one file.

    With --structure, parameters are grouped to modules, as their names say, and modules of both versions are
    matched by types and shapes. The divergence is the share of the edges between modules that only one
    version has: 0 for equal models, 1 for those that have nothing in common.
    """
    paths: list[str] | None = ctx.meta.get(_PATHS)
    if html is not None and as_json:
        raise UsageError("--html and --json are different outputs", "leave one of them out")
    if structure and figures and html is None:
        raise UsageError("--structure reads no values", "leave --stat-values out")
    repository = current_repository()
    threads = (repository.settings if repository else Settings()).thread_count
    limit = None if everything else SHOWN
    titles = ("", "")
    if no_index or (paths is None and name_two_versions(repository.git if repository else None, words)):
        versions = VersionReader(repository)
        changes: Iterator[CheckpointChange] = _compare_named(versions, repository, [*words, *(paths or ())])
    else:
        repository = Repository(Git())
        revs, pathspecs = split_arguments(repository.git, words) if paths is None else (list(words), paths)
        revs = compared_revisions(repository.git, revs)
        pathspecs = shard_pathspecs(repository.git, pathspecs, revs)
        items, root = _changed(repository, revs, pathspecs, cached=cached)
        before = revs[0] if revs else "HEAD" if cached else None
        versions = VersionReader(repository, root, TreePayloads(at_top(repository.git), before))
        told = _models_of(repository, items, revs, limited=bool(pathspecs), cached=cached)
        # A file of which only the time stamp changed is left out.
        changes = filter(None, chain.from_iterable(map(versions.compare_item, told)))
        if html is not None:
            titles = version_titles(repository.git, revs, cached=cached)
    try:
        if figures:
            changes = (_with_distances(versions, change, threads) for change in changes)
        if structure and html is None:
            found = map(structure_change, changes)
            if as_json:
                print_json(list(map(structure_json, found)))
            else:
                _print((structure_lines(each, limit) for each in found), repository)
        elif as_json:
            print_json([change_json(change) for change in changes])
        elif html is not None:
            write_page(changes, html, titles, threads, with_structure=structure)
        else:
            _print((lines(change, limit) for change in changes), repository)
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
    if repository and ":" in name and not os.path.lexists(name):
        model = find_model(repository.git, name)
        files = zip(model.parts.files, model.manifests, strict=True)
        parts, members = model.parts, [versions.from_manifest(path, manifest) for path, manifest in files]
    else:
        parts = parts_at(Path(name), name)
        members = [versions.from_file(os.path.realpath(path), path) for path in parts.files]
    return replace(model_side(parts, members) if parts.is_sharded else members[0], path=name)


def _changed(
    repository: Repository, revs: Sequence[str], paths: Sequence[str], *, cached: bool
) -> tuple[list[ChangedFile], Path]:
    """The files that differ according to Git, and the folder from which their paths count."""
    if cached and len(revs) > 1:
        raise UsageError("--cached compares the index with one revision", "name one, or leave --cached out")
    found = changed_files(repository.git, revs, paths, cached=cached)
    # A bare repository has revisions and an index, but no root.
    return found, repository.root if len(revs) < 2 and not cached else Path()


def _models_of(
    repository: Repository, items: Sequence[ChangedFile], revs: Sequence[str], *, limited: bool, cached: bool
) -> list[ChangedFile | ChangedModel]:
    """The changed files, those of a model of several files together.

    Args:
        repository: The repository.
        items: The changed files.
        revs: The revisions that are compared.
        limited: Whether other files may have changed, too.
        cached: Whether the index is compared, rather than the work tree.
    """

    def everything(folders: Sequence[str]) -> list[ChangedFile]:
        specs = [f":(top,literal){folder}" if folder else ":(top)" for folder in folders]
        return _changed(repository, revs, specs, cached=cached)[0]

    git = repository.git
    old_rev = revs[0] if revs else tree_of_head(git) if cached else None
    if len(revs) == 2 or cached:
        new = ComparedVersion(git, revs[1] if len(revs) == 2 else None)
    else:
        new = ComparedVersion(git, None, repository.root, {item.new_path for item in items})
    return changed_models(items, ComparedVersion(git, old_rev), new, everything if limited else None)


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


def _print(found: Iterator[Iterator[Line]], repository: Repository | None) -> None:
    colours = palette(Git(), terminal=sys.stdout.isatty()) if repository else {}
    for each in found:
        write_stdout(painted(each, colours))
