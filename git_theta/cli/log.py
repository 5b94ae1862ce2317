"""`git theta log`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any

import click

from git_theta.cli.render import human_size, plural, print_json, printable
from git_theta.diff import Diff
from git_theta.errors import UsageError
from git_theta.git.history.file_log import Record, Visit, commits_of, path_from_top, shallow, visits
from git_theta.git.history.param_log import Change, changes
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import Manifests
from git_theta.git.repository.repository import Repository
from git_theta.model.parameter_names import matches, unknown_parameter
from git_theta.report.fold import fold

#: So many names are shown of what a commit changed.
_SHOWN = 5

_EPILOG = """\b
Examples:
  git theta log model.safetensors
  git theta log model.safetensors --param 'encoder.layer.0.*' -n 3
  git theta log model.safetensors v1.0..main
"""


@click.command("log", epilog=_EPILOG, short_help="Show which commits changed which parameters.")
@click.argument("path")
@click.argument("revs", metavar="[REV-RANGE]", default="HEAD")
@click.option("--param", "globs", metavar="GLOB", multiple=True, help="Only parameters of such names.")
@click.option("-n", "--max-count", "count", type=click.IntRange(0), help="At most so many commits.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(path: str, revs: str, globs: tuple[str, ...], count: int | None, as_json: bool) -> None:
    """Show the commits that changed a checkpoint: which parameters, how many bytes, and what that cost.

    The newest commit comes first. Renames of the file are followed, and it may be gone by now. Of a merge,
    the history goes on with the first parent, and what the merge brought from the others counts as its own
    change; for theirs, ask for `REV-RANGE` `MERGE^1..MERGE^2`.
    """
    repository = Repository(Git())
    git = repository.git
    where = path_from_top(git, path)
    tips, inside = commits_of(git, revs)
    with Manifests(git) as manifests:
        histories = [list(visits(git, manifests, tip, where)) for tip in tips]
        if not any(histories):
            raise UsageError(
                f"no commit in {revs} has {printable(where)}",
                "`git theta ls-files` lists checkpoints; `git log --all -- PATH` looks in all branches",
            )
        wanted = partial(matches, patterns=globs) if globs else None
        found: Iterator[Change] = chain.from_iterable(
            changes(history, manifests, repository.store.size, wanted) for history in histories
        )
        shown = list(islice(_chosen(found, inside), count))
        if globs and not any(change.diff for change in shown):
            _check(globs, histories, manifests, where)
    ends = shallow(repository)
    if as_json:
        print_json([_as_json(change, ends) for change in shown])
        return
    for number, change in enumerate(shown):
        if number:
            click.echo()
        for line in _lines(change, change.visit.record.oid in ends):
            click.echo(line)


def _chosen(found: Iterator[Change], inside: frozenset[str] | None) -> Iterator[Change]:
    seen = set()
    for change in found:
        oid = change.visit.record.oid
        if oid not in seen and (inside is None or oid in inside):
            seen.add(oid)
            yield change


def _check(
    globs: Sequence[str], histories: Sequence[Sequence[Visit]], manifests: Manifests, where: str
) -> None:
    """Raise UsageError if no version has such a parameter."""
    newest: list[str] = []
    for visit in chain.from_iterable(histories):
        manifest = manifests.get(visit.new) if visit.new else None
        names = list(manifest.by_name) if manifest else []
        if any(matches(name, globs) for name in names):
            return
        newest = newest or names
    raise unknown_parameter(globs, newest, f"any version of {printable(where)}")


def _lines(change: Change, ends: bool) -> Iterator[str]:
    visit = change.visit
    yield heading(visit.record)
    if visit.path != visit.before:
        yield f"    file renamed from {printable(visit.before)}"
    if change.diff is None:
        yield f"    skipped: {printable(change.note)}"
        return
    yield f"    {_counts(change, change.diff)}"
    yield from (f"        {line}" for line in _names(change.diff))
    if change.note:
        yield f"    compared with an earlier version; the one before: {printable(change.note)}"
    if ends:
        yield "    the history of this shallow clone ends here: git fetch --unshallow gets the rest"


def heading(record: Record) -> str:
    """A line about a commit: id, date, author, subject."""
    merge = " (merge)" if len(record.parents) > 1 else ""
    subject = printable(record.subject).replace("%25", "%")
    return f"{record.oid[:10]}{merge} {record.date[:10]} {printable(record.author)}  {subject}".rstrip()


def _counts(change: Change, found: Diff) -> str:
    amounts = f": {human_size(change.nbytes)}" if change.nbytes else ""
    stored = f"; stored {human_size(change.stored)}" if change.stored else ""
    if change.visit.new is None:
        return f"file removed, with {plural(change.total, 'parameter')}"
    if change.visit.old is None:
        return f"file added, with {plural(change.total, 'parameter')}{amounts}{stored}"
    parts = [
        f"{len(things):,} {word}"
        for word, things in (
            ("modified", found.changed),
            ("added", found.appeared),
            ("removed", found.vanished),
            ("renamed", found.renamed),
        )
        if things
    ]
    if parts:
        said = f"{', '.join(parts)} of {plural(change.total, 'parameter')}"
    elif found.layout:
        said = "only metadata or scalars changed"
    else:
        said = "no value changed, only how they're stored"
    return said + amounts + stored


def _names(found: Diff) -> Iterator[str]:
    """Names of what changed, folded, the first few of them."""
    things: list[tuple[tuple[str, ...], str, None]] = [
        *(((old.name,), "~", None) for old, _ in found.changed),
        *(((old.name, new.name), ">", None) for old, new in found.renamed),
        *(((entry.name,), "+", None) for entry in found.appeared),
        *(((entry.name,), "-", None) for entry in found.vanished),
    ]
    lines = [
        (f"{sign} {' -> '.join(map(printable, folded.names))}", len(folded.items))
        for sign in "~>+-"
        for folded in fold(thing for thing in things if thing[1] == sign)
    ]
    yield from (line for line, _ in lines[:_SHOWN])
    rest = sum(count for _, count in lines[_SHOWN:])
    if rest:
        yield f"… and {rest:,} more"


def _as_json(change: Change, ends: frozenset[str]) -> dict[str, Any]:
    visit, found = change.visit, change.diff
    return {
        **record_json(visit.record),
        "parents": list(visit.record.parents),
        "path": visit.path,
        "renamed_from": visit.before if visit.before != visit.path else None,
        "file": "removed" if visit.new is None else "added" if visit.old is None else "changed",
        "parameters": change.total,
        "added": [entry.name for entry in found.appeared] if found else [],
        "removed": [entry.name for entry in found.vanished] if found else [],
        "modified": [new.name for _, new in found.changed] if found else [],
        "renamed": [[old.name, new.name] for old, new in found.renamed] if found else [],
        "layout": found.layout if found else None,
        "size": change.nbytes,
        "stored": change.stored,
        "skipped": change.note if found is None else None,
        "boundary": visit.record.oid in ends,
    }


def record_json(record: Record) -> dict[str, Any]:
    """A commit, as JSON."""
    return {
        "commit": record.oid,
        "date": record.date,
        "author": record.author,
        "email": record.email,
        "subject": record.subject,
    }
