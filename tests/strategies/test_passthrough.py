from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.merging import Array, merge, vectors


@given(vectors(3), st.floats(-4, 4))
def test_it_is_ours_times_a_number(models: list[Array], scale: float) -> None:
    assert np.array_equal(merge("passthrough", models), models[0])
    assert np.array_equal(merge("passthrough", models, scale=scale), models[0] * scale)
