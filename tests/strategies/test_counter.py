"""Counters: the largest, or the sum of what was added."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.strategies import registry
from git_theta.strategies.counter import CounterOptions, CounterRule
from tests.helpers.merging import merge


@pytest.mark.parametrize(("add", "expected"), [(False, 7), (True, 10)])
def test_a_count(add: bool, expected: int) -> None:
    strategy = registry().get("counter")
    assert isinstance(strategy, CounterRule)
    options = CounterOptions(add)
    assert merge("counter", [np.array([5.0]), np.array([7.0])], np.array([2.0]), add=add) == expected
    assert strategy.count_number([5, 7], 2, options) == expected
    found = strategy.count([np.array([5]), np.array([7])], np.array([2]), options)
    assert (found.tolist(), found.dtype) == ([expected], np.int64)


def test_large_counts_are_exact() -> None:
    large = np.array([(1 << 62) + 1])
    found = CounterRule().count([large, large - 1], large - 2, CounterOptions(True))
    assert found.tolist() == [(1 << 62) + 2]


def test_without_a_base_the_largest_is_taken() -> None:
    assert CounterRule().count_number([5, 7], None, CounterOptions(True)) == 7
    assert merge("counter", [np.array([5.0]), np.array([7.0])], add=True) == 7
