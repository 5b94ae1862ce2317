from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from git_theta.errors import UsageError
from git_theta.strategies.base import Case, Strategy, base_value, model_weights, per_model, summary_of
from git_theta.strategies.lazy_array import LazyArray, from_array
from git_theta.strategies.options import NoOptions

ARRAY = from_array(np.ones(2))


class Smallest(Strategy):
    name = "smallest"

    def merge(self, case: Case, options: Any) -> LazyArray:
        return case.models[0]


def test_a_strategy_needs_no_more_than_a_name_and_merge() -> None:
    strategy = Smallest()
    assert strategy.options is NoOptions
    assert (strategy.needs_base, strategy.max_models, strategy.reads_files) == (False, None, False)
    assert strategy.merge(Case("w", (ARRAY,)), NoOptions()) is ARRAY


def test_a_summary_is_the_first_line_of_the_strategy_itself() -> None:
    class Described(Smallest):
        """The first model.

        More.
        """

    assert summary_of(Described()) == "The first model."
    assert summary_of(Smallest()) == ""


def test_weights_are_one_for_each_model() -> None:
    assert model_weights((), 3) == (1, 1, 1)
    assert model_weights((2.0, 3.0), 2) == (2, 3)
    with pytest.raises(UsageError, match="2 weights are given for 3 models"):
        model_weights((2.0, 3.0), 3)


def test_a_single_number_stands_for_all_models() -> None:
    assert per_model((0.5,), 3, "density") == (0.5, 0.5, 0.5)
    assert per_model((0.5, 1.0), 2, "density") == (0.5, 1.0)
    with pytest.raises(UsageError, match="2 values of density are given for 3 models"):
        per_model((0.5, 1.0), 3, "density")


def test_the_base_must_have_the_parameter() -> None:
    assert base_value(Case("w", (ARRAY,), ARRAY)) is ARRAY
    with pytest.raises(UsageError, match="parameter 'w'"):
        base_value(Case("w", (ARRAY,)))
