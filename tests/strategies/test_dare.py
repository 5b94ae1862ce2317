from __future__ import annotations

import numpy as np

from tests.helpers.merging import merge


def test_dare_divides_by_the_density() -> None:
    zero, ones = np.zeros(1000), np.ones(1000)
    assert set(merge("dare-linear", [ones, zero], zero, density=(0.25,))) == {0.0, 4.0}
