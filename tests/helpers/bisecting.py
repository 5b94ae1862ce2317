"""Bisections in the repository of the current folder, with values in place of commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult
from git_theta.git.bisection.model_dag import ModelAt
from git_theta.git.bisection.version_runs import VersionRuns
from git_theta.git.history.model_history import ModelHistory
from git_theta.git.plumbing.command import Git
from git_theta.git.repository.manifest_reader import ManifestReader

#: Results that aren't numbers, for `FakeRunner`.
FAILS, PASSES, SKIPS = "fails", "passes", "skips"

ACCURACY = ModelTest("accuracy", ("measure", "{model}"), metric="json:accuracy", max_drop=0.05)
EXIT_CODE = ModelTest("check", ("check", "{model}"))


@dataclass
class FakeRunner:
    """Gives results by the subjects of commits, or by names of models; several for the runs of one version.

    Attributes:
        results: Subject, or name of a model → values, or words.
        git: Git in the repository.
        asked: The subjects of the commits whose test ran, in order.
    """

    results: Mapping[str, float | str | Sequence[float | str]]
    git: Git = field(default_factory=Git)
    asked: list[str] = field(default_factory=list)

    def evaluate(self, test: ModelTest, model: str, rev: str = "", *, attempt: int = 0) -> TestResult:
        """See `RunsTests`."""
        subject = self.git.line("log", "-1", "--format=%s", rev)
        given = self.results[subject] if subject in self.results else self.results[model]
        values = [given] if isinstance(given, float | str) else list(given)
        value = values[self.asked.count(subject) % len(values)]
        self.asked.append(subject)
        number = value if isinstance(value, float) else None
        problem = "exit code 1" if value == FAILS else ""
        ok = number is not None or value == PASSES
        return TestResult(test.name, model, rev, "", number, ok, False, 0.0, problem, value == SKIPS)


@contextmanager
def runs_of(
    results: Mapping[str, float | str | Sequence[float | str]], test: ModelTest = EXIT_CODE, repeat: int = 1
) -> Iterator[tuple[VersionRuns, FakeRunner]]:
    """Runs of a test with these results."""
    git = Git()
    runner = FakeRunner(results, git)
    with ManifestReader(git) as manifests:
        yield VersionRuns(runner, ModelHistory(git, manifests), test, repeat), runner


def version(rev: str, name: str = "m.bin") -> ModelAt:
    """A model at a revision."""
    return ModelAt(Git().line("rev-parse", rev), name)


def subject_of(found: ModelAt) -> str:
    """The subject of a version's commit."""
    return Git().line("log", "-1", "--format=%s", found.commit)
