"""The protocol of merge strategies: a pure function from the values of several models to one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from git_theta.errors import UsageError
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.options import NoOptions


@dataclass(frozen=True, slots=True)
class Case:
    """The values of one parameter in the models to merge. All have one dtype and shape.

    Attributes:
        name: Name of the parameter.
        models: The value in each model that changed it, ours first.
        base: The value in the merge base; `None` if the parameter isn't there.
        side_inputs: For each model, the value of the parameter of the same name in the model's side file,
            such as its Fisher information; empty if the user named no side files.
    """

    name: str
    models: tuple[LazyArray, ...]
    base: LazyArray | None = None
    side_inputs: tuple[LazyArray, ...] = ()


#: When a method is meant for every parameter; see `Strategy.for_all`.
ForAll = Literal["never", "always", "with-options"]


class Strategy(Protocol):
    """A way to merge the values of a parameter. Stateless: one instance serves every parameter and thread.

    A plugin derives its class from this one, and sets the attributes that differ from these defaults. The
    first line of its docstring is shown to users.

    Attributes:
        name: Name of the strategy, as in `git theta merge -s NAME`.
        options: A frozen dataclass of the options, each with a default. Fields are declared by
            `git_theta.strategies.options.option`, and are `int`, `float`, `bool`, `str`, or a tuple of floats
            with one for each model.
        needs_base: Whether the merge base must have the parameter.
        max_models: The most models that can be merged at once; `None` for any number.
        for_all: Whether `git theta merge -s` uses the method for every parameter, also where only one model
            differs from the base, unless the user says otherwise: `never`, `always`, or `with-options` if
            some are given. Methods that select among changes would just take the only one.
        reads_files: Whether the strategy takes the option `files`: a side file for each model, whose values
            are `Case.side_inputs`.
    """

    name: str
    options: type[Any] = NoOptions
    needs_base: bool = False
    max_models: int | None = None
    reads_files: bool = False
    for_all: ForAll = "never"

    def merge(self, case: Case, options: Any) -> LazyArray:
        """The merged value, of the shape of the models.

        A result of element-wise operations of `LazyArray` on models and base is stored as a recipe of a few
        hundred bytes, any other result as a new value.

        Args:
            case: The parameter.
            options: An instance of `self.options`.

        Raises:
            UsageError: The options don't fit the number of models, or an input is missing.
        """
        ...


def summary_of(strategy: Strategy) -> str:
    """The first line of a strategy's docstring; empty if it has none."""
    return (type(strategy).__doc__ or "").strip().partition("\n")[0]


def model_weights(given: Sequence[float], count: int) -> tuple[float, ...]:
    """One weight for each model; 1 for all if none are given.

    Raises:
        UsageError: There are too few or too many.
    """
    if given and len(given) != count:
        raise UsageError(f"{len(given)} weights are given for {count} models")
    return tuple(given) or (1.0,) * count


def per_model(given: Sequence[float], count: int, option: str) -> tuple[float, ...]:
    """One number for each model; a single number stands for all.

    Raises:
        UsageError: There are too few or too many.
    """
    if len(given) not in (1, count):
        raise UsageError(f"{len(given)} values of {option} are given for {count} models")
    return tuple(given) * (count if len(given) == 1 else 1)


def base_value(case: Case) -> LazyArray:
    """The value in the merge base.

    Raises:
        UsageError: The merge base doesn't have the parameter.
    """
    if case.base is None:
        raise UsageError(f"parameter {case.name!r}: there's no base to compare with")
    return case.base
