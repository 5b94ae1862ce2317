"""Store models as nearly as their tests allow, and write and stage the result: all of them, or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import count
from pathlib import Path

from git_theta.errors import UsageError
from git_theta.evaluation.model_test import ModelTest
from git_theta.evaluation.result import TestResult, is_regression
from git_theta.git.evaluation.evaluator import Evaluator
from git_theta.git.evaluation.scratch import remove, scratch_folder
from git_theta.git.lineage.read_graph import graph_of
from git_theta.git.lineage.tree import LineageTree
from git_theta.git.lossy.bases import (
    LossyBase,
    ModelBases,
    fetch_bases,
    model_bases,
)
from git_theta.git.lossy.open_models import ExactValue, OpenModel, open_models
from git_theta.git.lossy.store_decided import DecidedModel, store_decided
from git_theta.git.worktree.workspace import Workspace
from git_theta.lineage.graph import Graph
from git_theta.lossy.levels import levels_of
from git_theta.lossy.model import LossyModel
from git_theta.lossy.parameter import LossyParameter, lossy_parameter
from git_theta.lossy.report import GuardedMetric, ModelCost, model_cost
from git_theta.lossy.search import Plan, SearchResult, coarsest_plan
from git_theta.runtime.threads import run_all
from git_theta.updates.side_loaded import Lossy


@dataclass(frozen=True, slots=True)
class GuardedRequest:
    """Models to store nearly, and the tests that they must hold.

    Attributes:
        paths: Checkpoints, indices of shards or folders of models, from the top of the work tree.
        update: The lossy update.
        tests: The tests that guard the models, each with the drop that it allows.
        bound: The largest error bound; `None` for any.
        base: A revision, or `REV:PATH`, that values start from; empty for earlier versions and parents.
        exact: Patterns of parameters that stay exact.
        budget: The most candidates that are tested of each model.
        is_dry: Whether to store nothing.
    """

    paths: tuple[str, ...]
    update: Lossy
    tests: tuple[ModelTest, ...]
    bound: float | None = None
    base: str = ""
    exact: tuple[str, ...] = ()
    budget: int = 24
    is_dry: bool = False


def store_guarded(
    workspace: Workspace, request: GuardedRequest, tell: Callable[[ModelCost], object] = lambda _cost: None
) -> tuple[ModelCost, ...]:
    """Store models as nearly as their tests allow; the files become what is stored.

    Parents come first, so that their children start from their new values. Nothing is stored before every
    model has a plan.

    Args:
        workspace: The repository's parts, with Git at the top of the work tree.
        request: The models and tests.
        tell: Called with each model that has a plan.

    Raises:
        UsageError: A model isn't tracked or whole, no test is for it, or it doesn't hold a test as it is.
        ThetaError: A test can't be run, a file was written to meanwhile, or can't be written. Nothing is
            staged then, and the work tree is as it was.
    """
    repository = workspace.repository
    with ExitStack() as stack:
        tree = stack.enter_context(LineageTree(repository))
        graph = graph_of(tree)
        models = _parents_first(open_models(workspace, tree, request.paths, stack), graph)
        guards = {model.name: _guards(model, request.tests, graph) for model in models}
        bench = stack.enter_context(_bench(workspace))
        decided: list[DecidedModel] = []
        costs: list[ModelCost] = []
        for model in models:
            planned = {each.model.name: each.planned() for each in decided}
            bases = model_bases(repository, model, graph, tree, planned, request.base)
            lossy, chosen = _lossy_model(workspace, model, bases, request)
            start = decided[-1].found.uniform if decided else None
            found, metrics = bench.search(model, lossy, guards[model.name], request.budget, start)
            decided.append(DecidedModel(model, lossy, chosen, found, bases))
            others = _others(model, lossy, bases)
            costs.append(model_cost(model.name, (model.size, others), lossy, found, metrics))
            tell(costs[-1])
        if not request.is_dry:
            store_decided(workspace, tree, decided)
    return tuple(costs)


def _parents_first(models: Sequence[OpenModel], graph: Graph) -> list[OpenModel]:
    """The models in an order in which none comes before its parents."""
    if len(models) < 2:
        return list(models)
    places = {name: place for place, name in enumerate(graph.topological())}
    return sorted(models, key=lambda model: places.get(model.name, len(places)))


def _guards(model: OpenModel, tests: Sequence[ModelTest], graph: Graph) -> tuple[ModelTest, ...]:
    """The tests that are for a model.

    Raises:
        UsageError: None is.
    """
    relations = graph.relations_of(model.name)
    found = tuple(test for test in tests if test.is_for(model.name, relations))
    if not found:
        names = ", ".join(test.name for test in tests)
        raise UsageError(
            f"{names} isn't for {model.name}, and nothing would tell what may be lost",
            "name a test that is: git theta test list",
        )
    return found


def _lossy_model(
    workspace: Workspace, model: OpenModel, bases: ModelBases, request: GuardedRequest
) -> tuple[LossyModel, dict[str, LossyBase | None]]:
    """The parameters of a model that may be stored nearly, and the value that each starts from."""
    values = model.values(lambda name: any(fnmatchcase(name, pattern) for pattern in request.exact))
    wanted = [value for value in values.values() if not bases.has(value.digest)]
    fetch_bases(workspace.repository, bases, (name for value in wanted for name in value.names))
    threads = workspace.repository.settings.thread_count

    def nearest(value: ExactValue) -> tuple[LossyParameter, LossyBase | None] | None:
        candidates = list(bases.of(value, workspace.repository))
        found = lossy_parameter(value.names, value.spec, value.data, [each.base for each in candidates])
        return found and (found[0], None if found[1] is None else candidates[found[1]])

    with ThreadPoolExecutor(threads) as pool:
        found = [each for each in run_all(pool, nearest, wanted) if each]
    parameters = {parameter.name: parameter for parameter, _ in found}
    chosen = {parameter.name: base for parameter, base in found}
    return LossyModel(parameters, levels_of(request.update), request.bound, threads), chosen


def _others(model: OpenModel, lossy: LossyModel, bases: ModelBases) -> int:
    """Bytes of values that had to stay exact, and that no other version has."""
    names = {name for parameter in lossy.parameters.values() for name in parameter.names}
    left = {entry.digest: entry.spec.nbytes for entry in model.current.entries if entry.name not in names}
    return sum(nbytes for key, nbytes in left.items() if not bases.has(key))


class _Bench:
    """Writes candidates of models to a scratch folder, and tests them.

    Args:
        evaluator: Runs the tests.
        folder: An empty folder.
        threads: The number of parameters to work on at once.
    """

    def __init__(self, evaluator: Evaluator, folder: Path, threads: int) -> None:
        self._evaluator = evaluator
        self._folder = folder
        self._threads = threads
        self._numbers = count()

    def search(
        self,
        model: OpenModel,
        lossy: LossyModel,
        tests: Sequence[ModelTest],
        budget: int,
        start: int | None,
    ) -> tuple[SearchResult, list[GuardedMetric]]:
        """The coarsest plan with which a model holds its tests, and the metrics with it.

        Raises:
            UsageError: The model doesn't hold a test as it is.
        """
        exact = dict.fromkeys(lossy.parameters, lossy.exact)
        before = self._results(model, lossy, exact, tests)
        for result in before:
            if not result.ok:
                raise UsageError(
                    f"{model.name} doesn't hold test {result.test} as it is: {result.problem}",
                    "nothing was changed; mend the model or the test first",
                )
        passed = {frozenset(exact.items()): before}

        def holds(plan: Plan) -> bool:
            after = self._results(model, lossy, plan, tests, before)
            if len(after) == len(tests) and all(map(_holds, tests, before, after)):
                passed[frozenset(plan.items())] = after
                return True
            return False

        found = coarsest_plan(list(exact), lossy.size, holds, lossy.exact + 1, budget, start)
        after = passed[frozenset(found.plan.items())]
        return found, [
            GuardedMetric(one.test, one.value, other.value) for one, other in zip(before, after, strict=True)
        ]

    def _results(
        self,
        model: OpenModel,
        lossy: LossyModel,
        plan: Plan,
        tests: Sequence[ModelTest],
        before: Sequence[TestResult] = (),
    ) -> list[TestResult]:
        """The results of tests with the values of a plan, up to the first one that isn't held."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        try:
            place = model.write(lossy.values(plan), folder, self._threads)
            results: list[TestResult] = []
            for number, test in enumerate(tests):
                results.append(self._evaluator.evaluate_file(test, model.name, place))
                if before and not _holds(test, before[number], results[-1]):
                    break
            return results
        finally:
            remove(folder)


@contextmanager
def _bench(workspace: Workspace) -> Iterator[_Bench]:
    repository = workspace.repository
    with Evaluator(repository) as evaluator, scratch_folder(repository) as folder:
        yield _Bench(evaluator, folder, repository.settings.thread_count)


def _holds(test: ModelTest, before: TestResult, after: TestResult) -> bool:
    """Whether a result is as good as another, but for the drop that the test allows."""
    if not after.ok:
        return False
    if before.value is None or after.value is None:
        return before.value is after.value
    return not is_regression(test, before.value, after.value)
