"""What a merge strategy is: a pure function from the values that models give a parameter to one value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from git_theta.strategies.lazy_array import LazyArray


@dataclass(frozen=True, slots=True)
class Case:
    """One parameter, in all models that changed it to different values of one dtype and shape.

    Attributes:
        name: The parameter.
        models: Its numbers in each model; ours first.
        base: Its numbers in the merge base; `None` if that doesn't have it.
        beside: For each model, the parameter of the same name in a file beside it, such as its Fisher
            information; empty if no such files were given.
    """

    name: str
    models: tuple[LazyArray, ...]
    base: LazyArray | None = None
    beside: tuple[LazyArray, ...] = ()


def within(default: Any, least: float, most: float) -> Any:
    """A field of a strategy's options whose numbers, one or several, are limited.

    Args:
        default: As for a dataclass's field.
        least: The smallest number that makes sense.
        most: The largest one.
    """
    return field(default=default, metadata={"least": least, "most": most})


class Strategy(Protocol):
    """A way to merge parameters. Stateless: one instance serves every parameter and thread.

    Attributes:
        name: As in `git theta merge -s NAME`.
        options: A frozen dataclass of what can be set, each field with a default. Fields are `int`, `float`,
            `bool`, `str`, or a tuple of floats, one for each model.
        needs_base: Whether there must be a merge base that has the parameter.
        most: How many models it can merge at most; `None` for any number.
    """

    name: str
    options: type[Any]
    needs_base: bool
    most: int | None

    def merge(self, case: Case, options: Any) -> LazyArray:
        """The merged numbers.

        If they're made by operations of `LazyArray` alone, no new bytes need to be stored.

        Args:
            case: The parameter.
            options: An instance of `self.options`.

        Raises:
            UsageError: The options make no sense for this number of models.
        """
        ...


def weights(given: Sequence[float], count: int) -> tuple[float, ...]:
    """One weight for each model; all equal if none are given.

    Raises:
        UsageError: There are too few or too many.
    """
    from git_theta.errors import UsageError

    if given and len(given) != count:
        raise UsageError(f"{len(given)} weights are given for {count} models")
    return tuple(given) or (1.0,) * count
