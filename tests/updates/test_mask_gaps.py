from __future__ import annotations

import numpy as np
import pytest

from git_theta.errors import CorruptError
from git_theta.updates.mask_gaps import gaps_of, mask_of


@pytest.mark.parametrize("share", [0, 0.001, 0.01, 0.3, 1])
@pytest.mark.parametrize("count", [1, 255, 256, 257, 10_000])
def test_a_mask_comes_back(share: float, count: int) -> None:
    mask = np.random.default_rng(count).random(count) < share
    gaps = gaps_of(mask)
    assert len(gaps) <= count
    assert np.array_equal(mask_of(gaps, count), mask)


@pytest.mark.parametrize("place", [0, 254, 255, 256, 509, 510, 511, 999])
def test_one_element_may_be_anywhere(place: int) -> None:
    mask = np.zeros(1000, np.bool_)
    mask[place] = True
    assert np.array_equal(mask_of(gaps_of(mask), 1000), mask)


@pytest.mark.parametrize("gaps", [[10], [255], [4, 5], [0] * 11])
def test_gaps_of_more_elements_are_refused(gaps: list[int]) -> None:
    with pytest.raises(CorruptError):
        mask_of(np.array(gaps, np.uint8), 10)
