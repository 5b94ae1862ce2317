"""`git theta blame`."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Any

import click

from git_theta.cli.log import record_json
from git_theta.cli.render import print_json, printable
from git_theta.errors import GitError, ManifestError, UsageError
from git_theta.git.history.blame import Origin, origins
from git_theta.git.history.file_log import commit_of, path_from_top, shallow
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import Manifests
from git_theta.git.repository.repository import Repository
from git_theta.model.manifest import Manifest
from git_theta.model.parameter_names import matches, unknown_parameter

#: A longer subject is cut.
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
@click.option("--param", "globs", metavar="GLOB", multiple=True, help="Only parameters of such names.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(path: str, rev: str, globs: tuple[str, ...], as_json: bool) -> None:
    """Show, for each parameter, the commit that last changed its value, dtype or shape.

    What a merge took from one of its parents comes from there. Renames of the file are followed. A `^` marks
    the boundary of a shallow clone: what is there may be older.
    """
    repository = Repository(Git())
    git = repository.git
    where = path_from_top(git, path)
    tip = commit_of(git, rev)
    with Manifests(git) as manifests:
        manifest = _manifest(git, manifests, tip, rev, where)
        wanted = partial(matches, patterns=globs or ["*"])
        if globs and not any(map(wanted, manifest.by_name)):
            raise unknown_parameter(globs, manifest.by_name, printable(where))
        result = origins(repository, manifests, manifest, tip, where, wanted)
    ends = shallow(repository)
    if as_json:
        print_json([_as_json(origin, ends) for origin in result.found])
    else:
        _print(result.found, where, ends)
    for oid, problem in result.skipped.items():
        click.echo(f"note: {oid[:10]} was passed over: {printable(problem)}", err=True)
    if any(origin.record.oid in ends for origin in result.found):
        said = "note: this shallow clone's history ends at ^; git fetch --unshallow gets the rest"
        click.echo(said, err=True)


def _manifest(git: Git, manifests: Manifests, tip: str, rev: str, where: str) -> Manifest:
    """The version that a commit has.

    Raises:
        UsageError: It hasn't one.
        ManifestError: It's damaged.
    """
    name = printable(where)
    try:
        blob = git.line("rev-parse", "-q", "--verify", f"{tip}:{where}")
    except GitError:
        last = git.line("log", "-1", "--format=%h", "--diff-filter=D", tip, "--", f":(top,literal){where}")
        hint = f"it was removed: git theta blame {shlex.quote(where)} {last}^" if last else _LISTED
        raise UsageError(f"there's no {name} in {rev}", hint) from None
    manifest = manifests.get(blob)
    if not manifest:
        raise ManifestError(f"{name} in {rev}: {manifests.problem(blob)}", "blame an earlier commit: REV")
    return manifest


def _print(found: Sequence[Origin], where: str, ends: Collection[str]) -> None:
    """A line a parameter, aligned."""
    moved = any(origin.path != where for origin in found)
    rows = []
    for origin in found:
        record = origin.record
        mark = "^" if record.oid in ends else ""
        subject = printable(record.subject).replace("%25", "%")
        rows.append(
            (
                f"{mark}{record.oid[: 10 - len(mark)]}",
                *((printable(origin.path),) if moved else ()),
                f"({printable(record.author)}",
                record.date[:10],
                f"{subject if len(subject) <= _SUBJECT else subject[: _SUBJECT - 1] + '…'})",
                printable(origin.entry.name),
            )
        )
    for line in _aligned(rows):
        click.echo(line)


def _as_json(origin: Origin, ends: Collection[str]) -> dict[str, Any]:
    entry = origin.entry
    return {
        "name": entry.name,
        "dtype": entry.spec.dtype,
        "shape": list(entry.spec.shape),
        "digest": entry.digest,
        **record_json(origin.record),
        "path": origin.path,
        "boundary": origin.record.oid in ends,
    }


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Lines whose cells are below each other."""
    from rich.cells import cell_len

    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        yield " ".join(cells).rstrip()
