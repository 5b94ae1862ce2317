"""Jobs that test a version of a model."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.test_job import version_job
from git_theta.git.jobs.remote_source import RemoteSource
from git_theta.git.jobs.stopping import stopped_if_unwanted
from git_theta.git.jobs.worker_clone import GIT_PATIENCE
from git_theta.git.jobs.worker_repository import worker_repository
from git_theta.jobs.job import JobPlace, WorkerError


@dataclass(frozen=True, slots=True)
class EvaluationJob:
    """A test of a version of a model, in a clone of a remote.

    Attributes:
        source: The remote.
        scripts: The id of the commit whose files the command finds in its folder.
        test: The test.
        model: The model's path in its version.
        rev: The id of the commit that has the version.
        attempt: A number by which runs on the same content differ, for flaky tests.
        again: Whether the command runs even if it ran on the same content before, on that worker.
        patience: Seconds for Git to get the commits. The command's own limit is that of the test.
    """

    source: RemoteSource
    scripts: str
    test: ModelTest
    model: str
    rev: str
    attempt: int = 0
    again: bool = False
    patience: float = GIT_PATIENCE

    @property
    def title(self) -> str:
        """The test and the model."""
        return f"test {self.test.name} of {self.model}"

    def run(self, place: JobPlace) -> tuple[TestResult, bool]:
        """The result of the test, and whether the same content will have it again.

        Raises:
            WorkerError: The clone can't be made, or the command was too slow.
            ThetaError: As for `Evaluator.evaluate`.
        """
        with (
            worker_repository(place, self.source, self.patience, self.scripts, self.rev) as repository,
            Evaluator(repository) as evaluator,
            stopped_if_unwanted(place, evaluator.stop),
        ):
            with evaluator.tree(self.rev) as tree:
                job = version_job(tree, self.test, self.model, self.rev, self.attempt)
            result = evaluator.run(job, again=self.again)
            found = result, evaluator.known(job) is not None
        return checked_time(self.test, found)


def checked_time(test: ModelTest, found: tuple[TestResult, bool]) -> tuple[TestResult, bool]:
    """A result whose command wasn't too slow.

    Args:
        test: The test.
        found: The result, and whether the same content will have it again.

    Raises:
        WorkerError: The command was too slow; the error has the result.
    """
    result, _ = found
    if test.timeout is not None and not result.ok and result.seconds >= test.timeout:
        raise WorkerError(f"it took longer than {test.timeout:g} seconds", result=found)
    return found
