"""Tests that workers of a cluster run in place of this machine, for an `Evaluator`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from git_theta.errors import CorruptError, UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult
from git_theta.git.evaluation.command_inputs import CommandInputs
from git_theta.git.evaluation.test_job import TestJob, version_job
from git_theta.git.history.revisions import resolve_commit
from git_theta.git.jobs.evaluation_job import EvaluationJob
from git_theta.git.jobs.remote_source import RemoteSource, check_committed, check_pushed, remote_source
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository
from git_theta.jobs.executors import check_address, open_executor
from git_theta.jobs.job import Job
from git_theta.jobs.run_jobs import run_jobs

#: Tests that wait for workers at once: the scheduler has a queue.
WAITING = 64


@contextmanager
def evaluated_elsewhere(
    repository: Repository, tests: Iterable[ModelTest], address: str, note: Callable[[str], object]
) -> Iterator[TestsElsewhere | None]:
    """An object that has workers run tests; `None` if the address is empty, and tests run here.

    Args:
        repository: The repository, with Git anywhere in it.
        tests: The tests.
        address: The executor's; see `open_executor`.
        note: Called with a sentence about each worker that is lost, and each test that is tried again.

    Raises:
        UsageError: The address isn't one, there's no remote, or it doesn't have HEAD and the files that the
            tests read.
        ClusterError: The cluster can't be used.
    """
    if not address:
        yield None
        return
    check_address(address)
    source, head = remote_source(repository), resolve_commit(repository.git, "HEAD")
    check_pushed(repository, [head])
    check_committed(repository, _inputs(repository.root, tests))
    with open_executor(1, address) as executor:
        yield TestsElsewhere(repository, source, head, executor, note)


def _inputs(top: Path, tests: Iterable[ModelTest]) -> list[str]:
    """Paths of the files in the work tree that tests read, as far as it's known."""
    inputs = CommandInputs(top)
    found = {path for test in tests for path in inputs.of(test)}
    return sorted(path for path in found if not path.startswith(("/", "../")))


class TestsElsewhere:
    """Has workers run tests. For several threads.

    Args:
        repository: The repository.
        source: The remote that workers read; also an attribute.
        head: The id of the commit whose scripts they run.
        executor: The workers.
        note: Called with sentences for the user.
    """

    def __init__(
        self,
        repository: Repository,
        source: RemoteSource,
        head: str,
        executor: Executor,
        note: Callable[[str], object],
    ) -> None:
        self._repository = repository
        self.source = source
        self._head = head
        self._executor = executor
        self._note = note

    def __call__(self, job: TestJob, again: bool) -> tuple[TestResult, bool] | None:
        """The result of a job, and whether the same content will have it again.

        Raises:
            UsageError: The version isn't in the remote.
            ThetaError: No worker could run it.
        """
        if job.place is not None:
            return None
        model, commit = job.version.name, self._commit(job)
        task = EvaluationJob(self.source, self._head, job.test, model, commit, job.attempt, again)
        return self.result_of(task, job)

    def result_of(self, task: Job[tuple[TestResult, bool]], job: TestJob) -> tuple[TestResult, bool]:
        """The result of a task for workers, and whether the same content will have it again.

        Args:
            task: The task.
            job: The job that it stands for.

        Raises:
            CorruptError: The worker tested another version.
            ThetaError: No worker could run it.
        """
        ((_, report),) = run_jobs(self._executor, [task], self._note)
        if report.result is None:
            raise report.error
        result, is_lasting = report.result
        if result.digest != job.version.digest:
            raise CorruptError(f"worker {report.worker} tested another version of {job.version.name}")
        return replace(result, rev=job.rev), is_lasting

    def stop(self) -> None:
        """Give up what workers do: nobody waits for it any more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def check_pushed(self, commits: Iterable[str]) -> None:
        """Check that workers can see commits; see `git_theta.git.jobs.remote_source.check_pushed`."""
        check_pushed(self._repository, commits)

    def _commit(self, job: TestJob) -> str:
        """The id of a commit of the remote that has a job's version.

        Raises:
            UsageError: There's none.
        """
        if job.rev:
            commit = resolve_commit(self._repository.git, job.rev)
            check_pushed(self._repository, [commit])
            return commit
        with LineageTree(self._repository, self._head) as tree:
            name = job.version.name
            if name not in tree.models or version_job(tree, job.test, name).key({}) != job.key({}):
                raise UsageError(
                    f"workers can't see {name} as it is in the index: HEAD doesn't have it",
                    "commit and push it",
                )
        return self._head
