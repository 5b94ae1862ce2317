"""Jobs that merge a model by a rule and test the result, in a clone of a remote."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult
from git_theta.git.evaluation.evaluator import Elsewhere
from git_theta.git.evaluation.test_job import TestJob
from git_theta.git.evaluation.version_trees import VersionTrees
from git_theta.git.jobs.evaluate_elsewhere import TestsElsewhere
from git_theta.git.jobs.evaluation_job import checked_time
from git_theta.git.jobs.remote_source import RemoteSource
from git_theta.git.jobs.stopping import stopped_if_unwanted
from git_theta.git.jobs.worker_clone import GIT_PATIENCE
from git_theta.git.jobs.worker_repository import worker_repository
from git_theta.git.merge.merge_trials import MergeTrials, merge_trials
from git_theta.git.merge.parents import Parents
from git_theta.jobs.job import JobPlace
from git_theta.merging.rules import MergeRule


@dataclass(frozen=True, slots=True)
class MergedModelJob:
    """A test of a model that a rule merges.

    Attributes:
        source: The remote.
        head: The id of the commit that is merged into, whose scripts the command finds.
        branches: Names and ids of the commits to merge.
        diverged: See `Parents`.
        ancestor: The id of the merge base; empty if there's none.
        base: The merge base of checkpoints that the user gave, as an id; empty for Git's.
        test: The test.
        model: The model's path.
        rule: The rule.
        more: Further rules of the user; see `MergeTrials`.
        all_parameters: See `MergeTrials`.
        again: Whether the command runs even if it ran on the same content before, on that worker.
        patience: Seconds for Git to get the commits.
    """

    source: RemoteSource
    head: str
    branches: tuple[tuple[str, str], ...]
    diverged: bool
    ancestor: str
    base: str
    test: ModelTest
    model: str
    rule: MergeRule
    more: tuple[MergeRule, ...] = ()
    all_parameters: bool | None = None
    again: bool = False
    patience: float = GIT_PATIENCE

    @property
    def title(self) -> str:
        """The test, the model and the rule."""
        return f"test {self.test.name} of {self.model} merged by {self.rule}"

    def run(self, place: JobPlace) -> tuple[TestResult, bool]:
        """The result of the test, and whether the same content will have it again.

        Raises:
            WorkerError: The clone can't be made, or the command was too slow.
            ThetaError: The model can't be merged, or the test can't run.
        """
        commits = [self.head, *(commit for _, commit in self.branches), *filter(None, [self.ancestor])]
        parents = Parents(self.head, dict(self.branches), self.diverged)
        with (
            worker_repository(place, self.source, self.patience, *commits) as repository,
            VersionTrees(repository) as trees,
        ):
            trials = merge_trials(trees, self.test, parents, self.base, self.more, self.all_parameters)
            stopping = partial(stopped_if_unwanted, place)
            found = trials.tested(self.rule, self.model, again=self.again, stopping=stopping)
        return checked_time(self.test, found)


def merges_elsewhere(
    tests: TestsElsewhere, trials: MergeTrials, base: str
) -> Callable[[MergeRule], Elsewhere]:
    """The functions that run the tests of merged models on workers, which merge the models themselves.

    Args:
        tests: Has workers run tests.
        trials: The trials.
        base: The merge base of checkpoints that the user gave, as an id; empty for Git's.

    Raises:
        UsageError: A commit that is merged isn't in the remote.
    """
    parents = trials.parents
    tests.check_pushed(parents.sides)
    branches = tuple(parents.branches.items())

    def run(rule: MergeRule, job: TestJob, again: bool) -> tuple[TestResult, bool]:
        task = MergedModelJob(
            tests.source,
            parents.head,
            branches,
            parents.diverged,
            trials.base or "",
            base,
            trials.test,
            job.version.name,
            rule,
            tuple(trials.more),
            trials.all_parameters,
            again,
        )
        return tests.result_of(task, job)

    return lambda rule: partial(run, rule)
