"""`git theta rerun`: a recorded command, run again, and how near its result is to the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from operator import add

from git_theta.errors import ThetaError, UsageError
from git_theta.git.history.versions import VersionReader
from git_theta.git.lineage.command_outputs import check_places, restored_on_failure
from git_theta.git.lineage.run import run_outputs
from git_theta.git.lineage.run_program import RunError
from git_theta.git.lineage.run_request import RunRequest
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.plumbing.dirty_paths import dirty_paths
from git_theta.git.repository.repository import Repository
from git_theta.report.distance import Distance, measure


@dataclass(frozen=True, slots=True)
class RerunResult:
    """A model that was made again, beside the one that Git has.

    Attributes:
        path: Its path.
        is_same: Whether all parameters have the same bits.
        changed: The number of parameters that differ, or are in one of the two only.
        distance: The norm of the difference as a share of the old one's, over parameters that can be
            compared; `None` if there are none.
    """

    path: str
    is_same: bool
    changed: int
    distance: float | None


class _PutBack(Exception):
    """The end of a run whose outputs get their old content."""


def rerun(repository: Repository, request: RunRequest) -> list[RerunResult]:
    """Run a recorded command again, and compare what it makes with the index.

    Args:
        repository: The repository, with Git at the top.
        request: The command. With `keep`, the work tree has its outputs afterwards, else the old files.

    Raises:
        UsageError: An output isn't a file that Git has, or can't be written.
        ThetaError: An output has changes that Git doesn't have.
        RunError: The command failed, or didn't make its outputs; files are as they were.
    """
    check_places(repository, request.outputs, request.folder)
    with LineageTree(repository) as tree:
        for path in request.outputs:
            if path not in tree.files:
                raise UsageError(f"Git has no {path} to compare with", "git theta run makes it, and adds it")
    lost = dirty_paths(repository.git, [p for p in request.outputs if (repository.root / p).exists()])
    if lost:
        raise ThetaError(f"{lost[0]} has changes that Git doesn't have", f"git add {lost[0]}")
    results: list[RerunResult] = []
    try:
        with restored_on_failure(repository, request.outputs, keep=False):
            run_outputs(repository, replace(request, keep=False))
            results = [_compared(repository, path) for path in request.outputs]
            if not request.keep:
                raise _PutBack
    except _PutBack:
        pass
    return results


def _compared(repository: Repository, path: str) -> RerunResult:
    with LineageTree(repository) as tree:
        oid = tree.files.get(path)
    reader = VersionReader(repository, repository.root)
    try:
        if oid is None:
            raise RunError(f"Git has no {path} to compare with")
        old, new = reader.from_blob(path, oid, "100644"), reader.from_file(path, path)
        if new.problem:
            raise RunError(f"{path} is {new.problem}")
        change = reader.compare(old, new)
        found = change.diff
        changed = len(found.changed) + len(found.added) + len(found.removed)
        if found.same_parameters or change.old.reader is None or change.new.reader is None:
            return RerunResult(path, found.same_parameters, changed, None)
        reader.fetch_values(change)
        threads = repository.settings.thread_count
        measured = measure(found.changed, change.old.reader, change.new.reader, threads)
        distances = [each for each in measured.values() if isinstance(each, Distance)]
        total = reduce(add, distances, Distance())
        return RerunResult(path, False, changed, total.relative if distances else None)
    finally:
        reader.close()
