"""The protocol of merge strategies for parameters that are merged together, such as the factors of a LoRA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from git_theta.errors import UsageError
from git_theta.model.tensor import TensorSpec
from git_theta.strategies.base import Case, Strategy
from git_theta.strategies.lazy_array import LazyArray

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    #: Name → value, as float64 in the parameter's shape.
    Values = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class GroupVersion:
    """A group of parameters in one model.

    Attributes:
        specs: Name → dtype and shape of each parameter; empty if the model has none of them.
        settings: The settings beside the model; empty if there's no such file.
    """

    specs: Mapping[str, TensorSpec]
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupCase:
    """A group of parameters to merge. All models have the same names in it, or none, if the strategy allows.

    Attributes:
        group: Name of the group.
        models: The models that take part, ours first.
        base: The merge base; `None` if there's none, or it doesn't have the same parameters.
        settings: The settings that will be beside the result; `None` if these aren't decided, as both sides
            changed them.
        fits: Whether these settings will be changed to fit the result.
    """

    group: str
    models: tuple[GroupVersion, ...]
    base: GroupVersion | None = None
    settings: Mapping[str, Any] | None = field(default_factory=dict)
    fits: bool = False


@dataclass(frozen=True, slots=True)
class GroupValues:
    """The merged values of a group.

    Attributes:
        values: Name → value, of the shapes that `GroupStrategy.result` gave.
        kept: The share of the exact result that the values keep, from 0 to 1: less than 1 if they had to
            approximate it.
    """

    values: Values
    kept: float = 1.0


class GroupStrategy(Strategy):
    """A way to merge parameters together. Stateless, as every `Strategy`.

    A plugin derives its class from this one, and defines the three methods below instead of `merge`.

    Attributes:
        settings_file: Name of a JSON file that says what the values mean, in the folder of the model; empty
            if the strategy needs none.
        alternative: The strategy that keeps what this one loses, for messages; empty if there's none.
        allows_absent: Whether a model may lack the group, as the base does, and takes part all the same.
    """

    settings_file: str = ""
    alternative: str = ""
    allows_absent: bool = False

    def group_of(self, name: str) -> str | None:
        """Name of the group of a parameter; `None` if the strategy isn't for this parameter."""
        raise NotImplementedError

    def result(self, case: GroupCase, options: Any) -> Mapping[str, TensorSpec]:
        """Dtype and shape of each merged parameter. The names are those of the models.

        Values aren't read, so this is where everything is refused that can be.

        Raises:
            UsageError: The group can't be merged; the message says why, for the conflict.
        """
        raise NotImplementedError

    def merge_group(self, case: GroupCase, values: Sequence[Values], options: Any) -> GroupValues:
        """The merged values, in the shapes of `result`; they are rounded to its dtypes.

        Args:
            case: The group, for which `result` passed.
            values: The values of each model, then those of the base if there's one.
            options: An instance of `self.options`.

        Raises:
            UsageError: The options don't fit the number of models.
        """
        raise NotImplementedError

    def merge(self, case: Case, options: Any) -> LazyArray:
        """A parameter alone can't be merged.

        Raises:
            UsageError: Always.
        """
        raise UsageError(f"parameter {case.name!r}: {self.name!r} isn't for single parameters")
