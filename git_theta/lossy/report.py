"""Costs of lossy storage: bytes, metrics of tests, and errors of parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from git_theta.lossy.model import LossyModel
from git_theta.lossy.parameter import error_size
from git_theta.lossy.search import SearchResult


@dataclass(frozen=True, slots=True)
class GuardedMetric:
    """A test's metric with the exact values, and with those that are stored.

    Attributes:
        test: Name of the test.
        before: The metric with the exact values; `None` if the test has none.
        after: The metric with those that are stored.
    """

    test: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class ParameterCost:
    """How a parameter is stored.

    Attributes:
        names: The parameters that have the value.
        update: Name of the update; `exact` if the value is stored exactly.
        step: Distance of two results for an element; 0 if it isn't a quantised value.
        count: Number of elements.
        size: Bytes of the value.
        exact: Bytes that the exact value takes.
        stored: Bytes that are stored.
        largest_error: The largest distance of an element from the exact one.
        mean_error: The mean distance.
        is_backed_off: Whether others got a coarser level, and the tests didn't let this one.
    """

    names: tuple[str, ...]
    update: str
    step: float
    count: int
    size: int
    exact: int
    stored: int
    largest_error: float
    mean_error: float
    is_backed_off: bool


@dataclass(frozen=True, slots=True)
class ModelCost:
    """How a model is stored.

    Attributes:
        model: Its path.
        size: Bytes of its files.
        others: Bytes of values that had to stay exact, and that no other version has.
        runs: Number of candidates that were tested.
        is_cut: Whether the budget of runs ended before the search did.
        metrics: The metrics of its tests.
        parameters: The parameters that may be lossy.
    """

    model: str
    size: int
    others: int
    runs: int
    is_cut: bool
    metrics: tuple[GuardedMetric, ...]
    parameters: tuple[ParameterCost, ...]

    @property
    def exact(self) -> int:
        """Bytes that the exact values of the parameters take."""
        return self.others + sum(each.exact for each in self.parameters)

    @property
    def stored(self) -> int:
        """Bytes that are stored."""
        return self.others + sum(each.stored for each in self.parameters)

    @property
    def backed_off(self) -> tuple[ParameterCost, ...]:
        """The parameters that the tests didn't let be as coarse as others."""
        return tuple(each for each in self.parameters if each.is_backed_off)

    @property
    def largest_error(self) -> float:
        """The largest distance of an element from the exact one."""
        return max((each.largest_error for each in self.parameters), default=0.0)

    @property
    def mean_error(self) -> float:
        """The mean distance of the elements from the exact ones."""
        count = sum(each.count for each in self.parameters)
        return sum(each.mean_error * each.count for each in self.parameters) / count if count else 0.0


def model_cost(
    name: str,
    sizes: tuple[int, int],
    model: LossyModel,
    found: SearchResult,
    metrics: Sequence[GuardedMetric],
) -> ModelCost:
    """How a model is stored by the plan that a search found.

    Args:
        name: The model's path.
        sizes: Bytes of its files, and of values that had to stay exact.
        model: The parameters and levels.
        found: The plan.
        metrics: The metrics of its tests.
    """
    coarsest = min(found.plan.values(), default=model.exact)
    costs = tuple(_parameter_cost(model, each, level, coarsest) for each, level in found.plan.items())
    return ModelCost(name, *sizes, found.runs, found.is_cut, tuple(metrics), costs)


def as_json(costs: Sequence[ModelCost]) -> Mapping[str, object]:
    """The costs of models for programs."""
    return {"models": [_model_json(cost) for cost in costs]}


def _parameter_cost(model: LossyModel, name: str, level: int, coarsest: int) -> ParameterCost:
    parameter, exact = model.parameters[name], model.size(name, model.exact)
    count, nbytes = parameter.spec.count, parameter.spec.nbytes
    if level == model.exact:
        return ParameterCost(
            parameter.names, "exact", 0.0, count, nbytes, exact, exact, 0.0, 0.0, coarsest < level
        )
    errors = error_size(parameter, model.value(name, level))
    return ParameterCost(
        parameter.names,
        model.levels[level].update.name,
        model.step(name, level),
        count,
        nbytes,
        exact,
        model.size(name, level),
        errors.largest,
        errors.mean,
        coarsest < level,
    )


def _model_json(cost: ModelCost) -> Mapping[str, object]:
    return {
        "model": cost.model,
        "size": cost.size,
        "exact": cost.exact,
        "stored": cost.stored,
        "runs": cost.runs,
        "complete": not cost.is_cut,
        "tests": [{"test": each.test, "before": each.before, "after": each.after} for each in cost.metrics],
        "parameters": [
            {
                "names": list(each.names),
                "update": each.update,
                "step": each.step,
                "size": each.size,
                "exact": each.exact,
                "stored": each.stored,
                "largest_error": each.largest_error,
                "mean_error": each.mean_error,
                "backed_off": each.is_backed_off,
            }
            for each in cost.parameters
        ],
    }
