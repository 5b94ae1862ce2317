"""Single tests of models. Commands that run many share an `Evaluator`."""

from __future__ import annotations

from pathlib import Path

from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.tracked_tests import read_tests
from git_theta.git.repository.repository import Repository

__all__ = ["evaluate", "evaluate_file", "read_tests"]


def evaluate(
    repository: Repository, test: ModelTest, model: str, rev: str = "", attempt: int = 0
) -> TestResult:
    """The result of a test of a version of a model; see `Evaluator.evaluate`.

    Args:
        repository: The repository.
        test: The test.
        model: The model's path in the version.
        rev: The revision; empty for the index.
        attempt: A number by which runs on the same content differ, for flaky tests.
    """
    with Evaluator(repository) as evaluator:
        return evaluator.evaluate(test, model, rev, attempt=attempt)


def evaluate_file(
    repository: Repository, test: ModelTest, model: str, place: Path, attempt: int = 0
) -> TestResult:
    """The result of a test of a file that Git doesn't have; see `Evaluator.evaluate_file`.

    Args:
        repository: The repository.
        test: The test.
        model: The model's path in the repository, that it has or would have.
        place: The file; or a folder with the files of the model, by their names.
        attempt: As for `evaluate`.
    """
    with Evaluator(repository) as evaluator:
        return evaluator.evaluate_file(test, model, place, attempt=attempt)
