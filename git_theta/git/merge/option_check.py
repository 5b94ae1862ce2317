"""The check that the options of a merge rule fit the number of models, before anything is merged."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from git_theta import strategies
from git_theta.errors import UsageError
from git_theta.git.repository.merge_rules import check_rule
from git_theta.strategies.base import Case, model_weights
from git_theta.strategies.groups import GroupStrategy
from git_theta.strategies.lazy_array import from_array

if TYPE_CHECKING:
    from git_theta.merging.rules import MergeRule


def check_sides(rule: MergeRule, count: int) -> None:
    """Check that a rule can merge some number of models, by a trial on two numbers.

    Args:
        rule: The rule.
        count: The number of models.

    Raises:
        UsageError: An option has too few or too many elements, or the strategy merges fewer models.
    """
    if not rule.strategy:
        return
    strategy, options = strategies.registry().get(rule.strategy), check_rule(rule)
    if strategy.max_models is not None and count > strategy.max_models:
        return  # Most parameters may be changed on fewer sides; the plan tells.
    if isinstance(strategy, GroupStrategy):
        model_weights(getattr(options.values, "weights", ()), count)
        return
    import numpy as np

    model = from_array(np.array([1.0, 2.0]))
    case = Case("", (model,) * count, model, (model,) * len(options.files))
    refused: UsageError | None = None
    # A strategy of a package may fail for other reasons, and does so again with the models.
    with suppress(Exception):
        try:
            strategy.merge(case, options.values)
        except UsageError as error:
            refused = error
    if refused is not None:
        raise refused
