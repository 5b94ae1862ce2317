"""Rules by which models that are all equal stay as they are: nothing needs to be computed for these."""

from __future__ import annotations

from functools import lru_cache

from git_theta import strategies
from git_theta.merging.rules import MergeRule
from git_theta.strategies.base import Case
from git_theta.strategies.gradients import has_gradient
from git_theta.strategies.groups import GroupStrategy
from git_theta.strategies.lazy_array import from_array
from git_theta.strategies.option_text import parse_options


@lru_cache(maxsize=4096)
def keeps_equal(rule: MergeRule, count: int) -> bool:
    """Whether a rule gives the value that all models and the base have, found by a trial with two numbers.

    Most do; not a weighted sum whose weights don't sum to 1, or a factor.

    Args:
        rule: The rule.
        count: The number of models.

    Raises:
        UsageError: The options don't fit the number of models.
        PluginError: A strategy of a package fails.
    """
    strategy = strategies.registry().get(rule.strategy)
    if isinstance(strategy, GroupStrategy):
        return True
    if any(has_gradient(text) for _, text in rule.options):
        return False
    import numpy as np

    options = parse_options(strategy, dict(rule.options))
    value = np.array([1.0, 2.0])
    model = from_array(value)
    with strategies.registry().guard(rule.strategy):
        merged = strategy.merge(
            Case("", (model,) * count, model, (model,) * len(options.files)), options.values
        )
        return bool(np.allclose(merged.array(), value, rtol=1e-12, atol=0))
