from __future__ import annotations

import numpy as np

from tests.helpers.merging import merge


def test_breadcrumbs_leaves_out_both_ends() -> None:
    model = np.arange(1.0, 11)
    zero = np.zeros(10)

    def kept(**options: object) -> list[float]:
        return list(np.flatnonzero(merge("breadcrumbs", [model, zero], zero, **options)))

    assert kept(density=(0.5,), gamma=(0.2,)) == [3, 4, 5, 6, 7]
    assert kept(density=(0.5,), gamma=(0.0,)) == [5, 6, 7, 8, 9]
    assert kept(density=(0.8,), gamma=(0.5,)) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert kept(density=(0.0,), gamma=(0.5,)) == []
