"""`git theta run`: a command that makes models, run, and recorded with what it read."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from git_theta.errors import ThetaError, UsageError
from git_theta.git.lineage.command_outputs import (
    check_not_ignored,
    check_places,
    check_tracked,
    check_written,
    restored_on_failure,
    stat_of,
)
from git_theta.git.lineage.edit_record import check_circles, check_record, read_record, write_record
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.run_environment import run_environment
from git_theta.git.lineage.run_inputs import check_unchanged, files_read, read_versions, recorded_inputs
from git_theta.git.lineage.run_program import RunError, run_program
from git_theta.git.lineage.run_request import RunRequest
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.change_index import add_files
from git_theta.git.plumbing.dirty_paths import dirty_paths
from git_theta.git.plumbing.pathspec import literal
from git_theta.git.repository.repository import Repository
from git_theta.lineage.command_words import filled_in
from git_theta.lineage.graph import LineageError
from git_theta.lineage.record import LineageRecord, RecordedParent, RecordedRun, record_path
from git_theta.model.manifest_text import is_manifest

#: Durations from this one on are recorded in whole seconds.
_WHOLE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class RunResult:
    """Models that a command made, and their records.

    Attributes:
        models: Name → digest of the parameters, of each output.
        records: Paths of the records that were written.
        inputs: Paths of the inputs that were recorded.
        kept: Parents that records had before, as the request names none.
    """

    models: Mapping[str, str]
    records: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def run_and_record(
    repository: Repository, request: RunRequest, accept: Callable[[], object] = lambda: None
) -> RunResult:
    """Run a command, stage the models that it made, and write and stage their records.

    Args:
        repository: The repository, with Git at the top.
        request: The command.
        accept: Called when the outputs are in the work tree, before they're staged. If it raises an error,
            files are as they were.

    Raises:
        UsageError: An output isn't tracked, or an input isn't as in the index.
        LineageError: An output is a parent, too, or an ancestor of one.
        RunError: The command failed, or didn't make its outputs, or inputs changed while it ran. Files and
            records are as they were. Or Git can't add the outputs: they stay in the work tree.
    """
    _check(repository, request)
    inputs = recorded_inputs(repository, request)
    named = read_versions(repository, request)
    environment = run_environment(request.words, str(repository.root / request.folder))
    _check_circles(repository, request)
    _check_records(repository, request, RecordedRun(request.words, inputs, (), environment))
    with restored_on_failure(repository, request.outputs, keep=request.keep):
        seconds = run_outputs(repository, request)
        check_unchanged(repository, request, inputs, named)
        accept()
    models = _staged(repository, request.outputs)
    run = RecordedRun(
        request.words, inputs, _others(request), environment, request.seed, request.folder, seconds
    )
    with LineageTree(repository) as tree:
        kept = [] if named else [each.name for name in request.outputs for each in _old(tree, name).parents]
        records = [
            write_record(tree, name, _record(tree, name, request, named, models[name], run))
            for name in request.outputs
        ]
    add_files(repository.git, records)
    return RunResult(models, tuple(records), tuple(inputs), tuple(dict.fromkeys(kept)))


def run_outputs(repository: Repository, request: RunRequest) -> float:
    """Run a command, and check that it wrote its outputs; the seconds that it took.

    Raises:
        RunError: The command failed, or didn't write an output.
    """
    if request.is_again:
        for path in request.outputs:
            (repository.root / path).unlink(missing_ok=True)
    before = {path: stat_of(repository.root / path) for path in request.outputs}
    cwd = repository.root / request.folder
    paths = [os.path.relpath(repository.root / path, cwd) for path in request.outputs]
    began = time.monotonic()
    words = filled_in(request.words, paths)
    run_program(words, cwd, os.environ, request.timeout, to_stderr=request.to_stderr)
    seconds = time.monotonic() - began
    check_written(repository, before)
    return round(seconds) if seconds >= _WHOLE_SECONDS else round(seconds, 1)


def _check(repository: Repository, request: RunRequest) -> None:
    """Check all that can be known before the command runs, but for records and circles.

    Raises:
        UsageError: The request names no command or no output; an output isn't tracked, or can't be written;
            or what the command reads isn't in the work tree as Git has it.
    """
    if not request.words:
        raise UsageError("which command?", "git theta run --out MODEL -- COMMAND")
    if not request.outputs:
        raise UsageError("what does the command make?", "--out MODEL")
    check_tracked(repository.git, request.outputs)
    check_places(repository, request.outputs, request.folder)
    filled_in(request.words, request.outputs)
    reads = files_read(repository, request)
    if not request.dirty:
        dirty = dirty_paths(repository.git, reads)
        if dirty:
            raise UsageError(
                f"{dirty[0]} isn't as Git has it, and the record would name another version",
                f"add it first: git add {dirty[0]}; or --dirty",
            )
        written = [path for path in request.outputs if (repository.root / path).exists()]
        lost = dirty_paths(repository.git, written)
        if lost:
            raise UsageError(f"{lost[0]} has changes that Git doesn't have", f"git add {lost[0]}; or --dirty")
    for path in reads:
        place = repository.root / path
        if not place.is_file():
            raise UsageError(f"{path} isn't in the work tree", f"git restore {path}")
        with open(place, "rb") as file:
            if is_manifest(file.read(64)):
                raise UsageError(f"{path} is still a manifest", f"git theta pull {path}")


def _check_circles(repository: Repository, request: RunRequest) -> None:
    """Check that no output becomes an ancestor of itself.

    Raises:
        LineageError: One would.
    """
    for parent in request.parents:
        if parent.path in request.outputs:
            raise LineageError(
                f"{parent.path} can't be made from itself",
                "its versions are in Git's history: leave --from out",
            )
    if request.parents:
        with LineageTree(repository) as tree:
            graph = graph_of(tree)
        for output in request.outputs:
            if output in graph.models:
                check_circles(graph, output, [parent.path for parent in request.parents if parent.path])


def _check_records(repository: Repository, request: RunRequest, run: RecordedRun) -> None:
    """Check that the records can be written, before hours of work depend on it.

    Raises:
        RecordError: An old record isn't valid, or the new one would be too large.
        UsageError: A record's place is a link, or is ignored by Git.
    """
    with LineageTree(repository) as tree:
        run = replace(run, outputs=_others(request), seed=request.seed, folder=request.folder)
        for name in request.outputs:
            check_record(tree, name, _record(tree, name, request, request.parents, "", run))
    check_not_ignored(repository.git, [record_path(name) for name in request.outputs])


def _record(
    tree: LineageTree,
    name: str,
    request: RunRequest,
    parents: tuple[RecordedParent, ...],
    model: str,
    run: RecordedRun,
) -> LineageRecord:
    """The record of an output, with what the old one has beside the run."""
    old = _old(tree, name)
    return replace(
        old,
        relation=request.relation or old.relation,
        model=model or old.model,
        parents=parents or old.parents,
        why=request.why or old.why,
        run=run,
        is_moved=False,
    )


def _old(tree: LineageTree, name: str) -> LineageRecord:
    """The record that an output has; an empty one if it has none."""
    return read_record(tree, name) or LineageRecord()


def _others(request: RunRequest) -> tuple[str, ...]:
    """All outputs, for the record of each; none if there's only one, whose record it is."""
    return request.outputs if len(request.outputs) > 1 else ()


def _staged(repository: Repository, outputs: Sequence[str]) -> dict[str, str]:
    """Stage outputs; name → digest of the parameters.

    Raises:
        RunError: An output can't be staged, or isn't a model.
    """
    git = repository.git
    before = git.run("ls-files", "-s", "-z", "--", *literal(outputs))
    try:
        add_files(git, outputs)
        with LineageTree(repository) as tree:
            return {path: tree.facts(_model(tree, path)).model for path in outputs}
    except BaseException as error:
        names = b"".join(os.fsencode(path) + b"\0" for path in outputs)
        git.ok("update-index", "--force-remove", "-z", "--stdin", stdin=names)
        git.ok("update-index", "-z", "--index-info", stdin=before)
        if isinstance(error, ThetaError):
            hint = f"{error.hint}; " if error.hint else ""
            raise RunError(
                f"the outputs can't be added: {error.message}",
                f"{hint}they are in the work tree, as the command made them, and not recorded",
            ) from error
        raise


def _model(tree: LineageTree, path: str) -> str:
    """The path, if it's a model of the index.

    Raises:
        RunError: It isn't.
    """
    if path not in tree.models:
        raise RunError(f"{path} isn't a model")
    return path
