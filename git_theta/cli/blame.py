"""`git theta blame`."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

import click

from git_theta.cli.log import commit_json
from git_theta.cli.render import print_json
from git_theta.errors import GitError, ManifestError, UsageError
from git_theta.git.history.blame import ParameterOrigin, blame
from git_theta.git.history.model_history import ModelHistory, model_at_path
from git_theta.git.history.revisions import path_from_top, resolve_commit, shallow_boundary
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Manifest
from git_theta.model.parameter_names import matches, unknown_parameter
from git_theta.report.text import printable
from git_theta.runtime.output import say, warn

#: The length at which a subject is cut.
_SUBJECT = 40

_LISTED = "`git theta ls-files REV` lists a commit's checkpoints"

_EPILOG = """\b
Examples:
  git theta blame model.safetensors
  git theta blame model.safetensors --param '*.bias' v1.0
"""


@click.command("blame", epilog=_EPILOG, short_help="Show which commit last changed each parameter.")
@click.argument("path")
@click.argument("rev", default="HEAD", metavar="[REV]")
@click.option("--param", "globs", metavar="GLOB", multiple=True, help="Only parameters that match.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(path: str, rev: str, globs: tuple[str, ...], as_json: bool) -> None:
    """Show, for each parameter, the commit that last changed its value, dtype or shape.

    A parameter that a merge took from one of its parents comes from there. Renames of the file are followed.

    The shards of a model are blamed together: give their index, their folder, or the path that the model
    would have as one file. A parameter that only moved to another shard didn't change.

    A `^` marks the boundary of a shallow clone: these parameters may be older.
    """
    repository = Repository(Git())
    git = repository.git
    top_path = path_from_top(git, path)
    tip = resolve_commit(git, rev)
    with ManifestReader(git) as manifests:
        name = model_at_path(git, tip, top_path)
        history = ModelHistory(git, manifests) if name else None
        if name and history:
            top_path, manifest = name, _model(history, tip, rev, name)
        else:
            manifest = _manifest(git, manifests, tip, rev, top_path)
        is_chosen = partial(matches, patterns=globs or ["*"])
        if globs and not any(map(is_chosen, manifest.by_name)):
            raise unknown_parameter(globs, manifest.by_name, printable(top_path))
        result = blame(repository, manifests, manifest, tip, top_path, is_chosen, history)
    boundary = shallow_boundary(repository)
    if as_json:
        print_json([_as_json(origin, boundary) for origin in result.origins])
    else:
        _print(result.origins, top_path, boundary)
    for oid, problem in result.skipped.items():
        warn(f"note: {oid[:10]} was passed over: {printable(problem)}")
    if any(origin.commit.oid in boundary for origin in result.origins):
        warn("note: this shallow clone's history ends at ^; git fetch --unshallow gets the rest")


def _manifest(git: Git, manifests: ManifestReader, tip: str, rev: str, path: str) -> Manifest:
    """The manifest of a file in a commit.

    Raises:
        UsageError: The commit doesn't have the file.
        ManifestError: The manifest is damaged.
    """
    name = printable(path)
    try:
        blob = git.line("rev-parse", "-q", "--verify", f"{tip}:{path}")
    except GitError:
        last = git.line("log", "-1", "--format=%h", "--diff-filter=D", tip, "--", f":(top,literal){path}")
        hint = f"it was removed: git theta blame {shlex.quote(path)} {last}^" if last else _LISTED
        raise UsageError(f"there's no {name} in {rev}", hint) from None
    manifest = manifests.get(blob)
    if not manifest:
        raise ManifestError(f"{name} in {rev}: {manifests.problem(blob)}", "blame an earlier commit: REV")
    return manifest


def _model(history: ModelHistory, tip: str, rev: str, name: str) -> Manifest:
    """The manifest of a model in a commit.

    Raises:
        UsageError: The commit doesn't have the model.
        ManifestError: The model isn't whole.
    """
    stored = history.at(tip, name)
    if stored is None:
        raise UsageError(f"there's no {printable(name)} in {rev}", _LISTED)
    version = history.version(stored)
    if version is None:
        raise ManifestError(
            f"{printable(name)} in {rev}: {history.problem(stored)}", "blame an earlier commit: REV"
        )
    return version.manifest


def _print(found: Sequence[ParameterOrigin], path: str, boundary: Collection[str]) -> None:
    """Print one line for each parameter, aligned."""
    moved = any(origin.path != path for origin in found)
    rows = []
    for origin in found:
        commit = origin.commit
        mark = "^" if commit.oid in boundary else ""
        subject = printable(commit.subject).replace("%25", "%")
        rows.append(
            (
                f"{mark}{commit.oid[: 10 - len(mark)]}",
                *((printable(origin.path),) if moved else ()),
                f"({printable(commit.author)}",
                commit.date[:10],
                f"{subject if len(subject) <= _SUBJECT else subject[: _SUBJECT - 1] + '…'})",
                printable(origin.entry.name),
            )
        )
    for line in _aligned(rows):
        say(line)


def _as_json(origin: ParameterOrigin, boundary: Collection[str]) -> dict[str, Any]:
    entry = origin.entry
    return {
        "name": entry.name,
        "dtype": entry.spec.dtype,
        "shape": list(entry.spec.shape),
        "digest": entry.digest,
        **commit_json(origin.commit),
        "path": origin.path,
        "boundary": origin.commit.oid in boundary,
    }


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines of the rows, with the cells of a column one below the other."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        yield " ".join(cells).rstrip()
