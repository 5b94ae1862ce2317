"""The tests that new versions of models have to pass before a cascade accepts them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from git_theta.cascade.plan import CascadeStep
from git_theta.cascade.state import MetricChange
from git_theta.errors import ThetaError
from git_theta.evaluation.model_test import ModelTest, guards
from git_theta.evaluation.result import TestResult, is_regression
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.tracked_tests import read_tests
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.repository.repository import Repository
from git_theta.lineage.graph import Graph

#: Measures a model by a test.
_Measure = Callable[[Evaluator, ModelTest, str], TestResult]


class RejectedError(ThetaError):
    """A new version of a model isn't accepted: its tests say that it's worse.

    Attributes:
        changes: Path of a model → the values of its tests.
    """

    def __init__(self, message: str, changes: Mapping[str, tuple[MetricChange, ...]]) -> None:
        super().__init__(message)
        self.changes = changes


class StepGuard:
    """Measures the models of a step by their tests: first as the index has them, then as they're made.

    Args:
        repository: The repository, with Git at the top.
        step: The step.
        max_drop: How much worse a metric may be, in the unit of each test's `max_drop`; `None` for what each
            test says.

    Raises:
        ThetaError: The tests can't be read, or a command can't be started.
    """

    def __init__(self, repository: Repository, step: CascadeStep, max_drop: float | None) -> None:
        self._repository = repository
        self._max_drop = max_drop
        tests = read_tests(repository)
        with LineageTree(repository) as tree:
            graph = graph_of(tree)
            # A test that reads the parent reads the one that a new version is made from.
            self._parents = {model: _first_parent(tree, graph, model) for model in step.models}
            self._tests = {model: guards(tests, model, graph.relations_of(model)) for model in step.models}
        self._before = self._measured(lambda evaluator, test, model: evaluator.evaluate(test, model))

    def check_files(self) -> dict[str, tuple[MetricChange, ...]]:
        """The changes of metrics, of models whose new files are in the work tree.

        Raises:
            RejectedError: A model is worse than before.
            ThetaError: A command can't be started.
        """
        root = self._repository.root
        return self._checked(
            self._measured(
                lambda evaluator, test, model: evaluator.evaluate_file(
                    test, model, root / model, parent_model=self._parents[model]
                )
            )
        )

    def check_index(self) -> dict[str, tuple[MetricChange, ...]]:
        """The changes of metrics, of models whose new versions are staged; errors as for `check_files`."""
        return self._checked(self._measured(lambda evaluator, test, model: evaluator.evaluate(test, model)))

    def _measured(self, measure: _Measure) -> dict[tuple[str, str], TestResult]:
        """Model and name of a test → its result."""
        if not any(self._tests.values()):
            return {}
        with Evaluator(self._repository) as evaluator:
            return {
                (model, test.name): measure(evaluator, test, model)
                for model, tests in self._tests.items()
                for test in tests
            }

    def _checked(self, after: Mapping[tuple[str, str], TestResult]) -> dict[str, tuple[MetricChange, ...]]:
        changes = {
            model: tuple(
                _change(test, self._before[model, test.name], after[model, test.name], self._max_drop)
                for test in tests
            )
            for model, tests in self._tests.items()
        }
        for model, each in changes.items():
            problem = next((change.problem for change in each if change.problem), "")
            if problem:
                text = f"{model}: {problem}" if len(changes) > 1 else problem
                raise RejectedError(text, changes)
        return changes


def _first_parent(tree: LineageTree, graph: Graph, model: str) -> str:
    """The digest of a model's first parent as it is now; empty if none is here."""
    found = next((name for name in graph.parents(model) if name in tree.models), None)
    return tree.facts(found).model if found else ""


def _change(test: ModelTest, before: TestResult, after: TestResult, max_drop: float | None) -> MetricChange:
    problem = ""
    if not after.ok and not after.is_skipped:
        problem = f"test {test.name} fails: {after.problem}"
    elif is_regression(test, _number(before), _number(after), max_drop):
        problem = f"{test.name} drops from {_text(before)} to {_text(after)}"
    return MetricChange(test.name, before.value, after.value, problem)


def _number(result: TestResult) -> float:
    return math.nan if result.value is None else result.value


def _text(result: TestResult) -> str:
    return "nothing" if result.value is None else f"{result.value:.6g}"
