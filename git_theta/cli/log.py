"""`git theta log`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any

import click

from git_theta.cli.render import print_json
from git_theta.diff import Diff
from git_theta.errors import UsageError
from git_theta.git.history.commit_info import CommitInfo
from git_theta.git.history.file_log import FileRevision, file_revisions
from git_theta.git.history.model_history import ModelHistory, model_at_path
from git_theta.git.history.model_log import ModelRevision, model_changes, model_revisions
from git_theta.git.history.param_log import ParameterChanges, parameter_changes
from git_theta.git.history.revisions import RevisionRange, path_from_top, resolve_range, shallow_boundary
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import ManifestReader
from git_theta.git.repository.repository import Repository
from git_theta.model.parameter_names import matches, unknown_parameter
from git_theta.report.fold import fold
from git_theta.report.text import human_size, plural, printable
from git_theta.runtime.output import say

#: The number of names that are shown of a commit's changes.
_SHOWN = 5

_EPILOG = """\b
Examples:
  git theta log model.safetensors
  git theta log model.safetensors --param 'encoder.layer.0.*' -n 3
  git theta log model.safetensors v1.0..main
  git theta log llama/                       a model of several shards
"""


@click.command("log", epilog=_EPILOG, short_help="Show which commits changed which parameters.")
@click.argument("path")
@click.argument("revs", metavar="[REV-RANGE]", default="HEAD")
@click.option("--param", "globs", metavar="GLOB", multiple=True, help="Only parameters that match.")
@click.option("-n", "--max-count", "count", type=click.IntRange(0), help="At most this many commits.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(path: str, revs: str, globs: tuple[str, ...], count: int | None, as_json: bool) -> None:
    """Show the commits that changed a checkpoint: which parameters, how many bytes, and what that cost.

    The newest commit comes first. Renames of the file are followed, and the file may be removed by now. The
    history follows the first parent of a merge; changes from the other parents count as the merge's own. For
    the commits of the second parent, ask for `REV-RANGE` `MERGE^1..MERGE^2`.

    The log of a model of several shards is that of all of them: give their index, their folder, or the path
    that the model would have as one file. Commits that sharded it anew are told as such.
    """
    repository = Repository(Git())
    git = repository.git
    top_path = path_from_top(git, path)
    asked = resolve_range(git, revs)
    is_chosen = partial(matches, patterns=globs) if globs else None
    with ManifestReader(git) as manifests:
        logs = _logs(repository, manifests, asked.tips, top_path, is_chosen)
        if not any(log.has_commits for log in logs):
            raise UsageError(
                f"no commit in {revs} has {printable(top_path)}",
                "`git theta ls-files` lists checkpoints; `git log --all -- PATH` looks in all branches",
            )
        found = chain.from_iterable(log.changes for log in logs)
        shown = list(islice(_once_each(found, asked), count))
        if globs and not any(changes.diff for changes in shown):
            _check(globs, chain.from_iterable(log.names for log in logs), top_path)
    boundary = shallow_boundary(repository)
    if as_json:
        print_json([_as_json(changes, boundary) for changes in shown])
        return
    for number, changes in enumerate(shown):
        if number:
            say("")
        for line in _lines(changes, changes.revision.commit.oid in boundary):
            say(line)


@dataclass(frozen=True, slots=True)
class _Log:
    """The log of a file, or of a model of several files, from one tip.

    Attributes:
        has_commits: Whether there are any commits.
        changes: The changes of each commit, the newest first.
        names: The names of the parameters of each version.
    """

    has_commits: bool
    changes: Iterator[ParameterChanges]
    names: Iterator[list[str]]


def _logs(
    repository: Repository,
    manifests: ManifestReader,
    tips: Sequence[str],
    path: str,
    is_chosen: Callable[[str], bool] | None,
) -> list[_Log]:
    git, size_of = repository.git, repository.store.size
    name = next(filter(None, (model_at_path(git, tip, path) for tip in tips)), None)
    if name is None:
        files = [list(file_revisions(git, manifests, tip, path)) for tip in tips]
        return [
            _Log(
                bool(each), parameter_changes(each, manifests, size_of, is_chosen), _names_of(each, manifests)
            )
            for each in files
        ]
    history = ModelHistory(git, manifests)
    models = [list(model_revisions(history, tip, name)) for tip in tips]
    return [
        _Log(bool(each), model_changes(each, history, size_of, is_chosen), _names_in(each, history))
        for each in models
    ]


def _names_of(revisions: Sequence[FileRevision], manifests: ManifestReader) -> Iterator[list[str]]:
    for revision in revisions:
        manifest = manifests.get(revision.new_blob) if revision.new_blob else None
        yield list(manifest.by_name) if manifest else []


def _names_in(revisions: Sequence[ModelRevision], history: ModelHistory) -> Iterator[list[str]]:
    for revision in revisions:
        version = history.version(revision.new) if revision.new else None
        yield list(version.manifest.by_name) if version else []


def _once_each(found: Iterator[ParameterChanges], asked: RevisionRange) -> Iterator[ParameterChanges]:
    """The changes of each commit in a range, once even if several tips lead to it."""
    seen = set()
    for changes in found:
        oid = changes.revision.commit.oid
        if oid not in seen and oid in asked:
            seen.add(oid)
            yield changes


def _check(globs: Sequence[str], versions: Iterable[list[str]], path: str) -> None:
    """Raise UsageError if no version has such a parameter."""
    newest: list[str] = []
    for names in versions:
        if any(matches(name, globs) for name in names):
            return
        newest = newest or names
    raise unknown_parameter(globs, newest, f"any version of {printable(path)}")


def _lines(changes: ParameterChanges, is_boundary: bool) -> Iterator[str]:
    revision = changes.revision
    yield heading(revision.commit)
    if revision.path != revision.old_path:
        yield f"    file renamed from {printable(revision.old_path)}"
    if changes.diff is None:
        yield f"    skipped: {printable(changes.note)}"
        return
    yield f"    {change_counts(changes, changes.diff)}"
    yield from (f"        {line}" for line in change_names(changes.diff))
    if changes.note:
        yield f"    compared with an earlier version; the one before: {printable(changes.note)}"
    if is_boundary:
        yield "    the history of this shallow clone ends here: git fetch --unshallow gets the rest"


def heading(commit: CommitInfo) -> str:
    """A line about a commit: id, date, author, subject."""
    merge = " (merge)" if len(commit.parents) > 1 else ""
    subject = printable(commit.subject).replace("%25", "%")
    return f"{commit.oid[:10]}{merge} {commit.date[:10]} {printable(commit.author)}  {subject}".rstrip()


def change_counts(changes: ParameterChanges, found: Diff) -> str:
    """The numbers of changed parameters and bytes, in words."""
    amounts = f": {human_size(changes.nbytes)}" if changes.nbytes else ""
    stored = f"; stored {human_size(changes.stored)}" if changes.stored else ""
    if changes.revision.new_blob is None:
        return f"file removed, with {plural(changes.total, 'parameter')}"
    if changes.revision.old_blob is None:
        return f"file added, with {plural(changes.total, 'parameter')}{amounts}{stored}"
    counts = (
        (len(found.changed), "modified"),
        (len(found.appeared), "added"),
        (len(found.vanished), "removed"),
        (len(found.renamed), "renamed"),
        (len(_moved(found)), "moved"),
    )
    parts = [f"{count:,} {word}" for count, word in counts if count]
    if parts:
        summary = f"{', '.join(parts)} of {plural(changes.total, 'parameter')}"
    elif found.sharding:
        summary = "no value changed"
    elif found.layout:
        summary = "only metadata or scalars changed"
    else:
        summary = "no value changed, only how they're stored"
    sharding = f", {' -> '.join(found.sharding)}" if found.sharding else ""
    return summary + sharding + amounts + stored


def _moved(found: Diff) -> list[str]:
    """Names of parameters that are in another shard, with the same value."""
    changed = {new.name for _, new in found.changed}
    return [name for name in found.moved if name not in changed]


def change_names(found: Diff) -> Iterator[str]:
    """Names of changed parameters, those that differ only in numbers folded, and only the first few."""
    changed: list[tuple[tuple[str, ...], str, None]] = [
        *(((old.name,), "~", None) for old, _ in found.changed),
        *(((old.name, new.name), ">", None) for old, new in found.renamed),
        *(((entry.name,), "+", None) for entry in found.appeared),
        *(((entry.name,), "-", None) for entry in found.vanished),
        *(((name,), "moved", None) for name in _moved(found)),
    ]
    lines = [
        (f"{sign} {' -> '.join(map(printable, folded.names))}", len(folded.items))
        for sign in ("~", ">", "+", "-", "moved")
        for folded in fold(item for item in changed if item[1] == sign)
    ]
    yield from (line for line, _ in lines[:_SHOWN])
    rest = sum(count for _, count in lines[_SHOWN:])
    if rest:
        yield f"… and {rest:,} more"


def _as_json(changes: ParameterChanges, boundary: frozenset[str]) -> dict[str, Any]:
    revision = changes.revision
    return {
        **commit_json(revision.commit),
        "parents": list(revision.commit.parents),
        "path": revision.path,
        "renamed_from": revision.old_path if revision.old_path != revision.path else None,
        "file": "removed"
        if revision.new_blob is None
        else "added"
        if revision.old_blob is None
        else "changed",
        "boundary": revision.commit.oid in boundary,
        **changes_json(changes),
    }


def changes_json(changes: ParameterChanges) -> dict[str, Any]:
    """The changed parameters of a version, as JSON."""
    found = changes.diff
    return {
        "parameters": changes.total,
        "added": [entry.name for entry in found.appeared] if found else [],
        "removed": [entry.name for entry in found.vanished] if found else [],
        "modified": [new.name for _, new in found.changed] if found else [],
        "renamed": [[old.name, new.name] for old, new in found.renamed] if found else [],
        "layout": found.layout if found else None,
        "size": changes.nbytes,
        "stored": changes.stored,
        "skipped": changes.note if found is None else None,
        **({"moved": _moved(found)} if found and found.moved else {}),
        **({"sharding": list(found.sharding)} if found and found.sharding else {}),
    }


def _file_change(revision: FileRevision) -> str:
    if revision.new_blob is None:
        return "removed"
    return "added" if revision.old_blob is None else "changed"


def commit_json(commit: CommitInfo) -> dict[str, Any]:
    """A commit, as JSON."""
    return {
        "commit": commit.oid,
        "date": commit.date,
        "author": commit.author,
        "email": commit.email,
        "subject": commit.subject,
    }
