from __future__ import annotations

import numpy as np
import pytest

from git_theta.errors import UsageError
from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import from_array
from git_theta.strategies.options import NoOptions
from git_theta.strategies.take_side import TakeBase, TakeOurs, TakeSide, TakeTheirs

SIDES = [from_array(np.full(3, float(side))) for side in range(3)]
CASE = Case("w", (SIDES[0], SIDES[1]), SIDES[2])


@pytest.mark.parametrize(("strategy", "expected"), [(TakeOurs(), 0), (TakeTheirs(), 1), (TakeBase(), 2)])
def test_one_side_is_taken_whole(strategy: TakeSide, expected: int) -> None:
    assert strategy.merge(CASE, NoOptions()) is SIDES[expected]
    assert strategy.side == (None if expected == 2 else expected)


@pytest.mark.parametrize("strategy", [TakeTheirs(), TakeBase()])
def test_a_side_that_is_not_there(strategy: TakeSide) -> None:
    with pytest.raises(UsageError, match=r"'w'.*take"):
        strategy.merge(Case("w", (SIDES[0],)), NoOptions())
