from __future__ import annotations

import numpy as np
from hypothesis import given

from tests.helpers.merging import Array, merge, vectors


def test_only_what_stands_out_is_taken() -> None:
    random = np.random.default_rng(0)
    ours = random.normal(size=(20, 30))
    theirs = ours + random.normal(size=(20, 30)) * 1e-3
    theirs[3, 4] += 2
    merged = merge("arcee-fusion", [ours, theirs])
    assert merged[3, 4] == theirs[3, 4]
    assert (merged == ours).mean() > 0.8


@given(vectors(2))
def test_every_element_is_of_one_of_them(models: list[Array]) -> None:
    merged = merge("arcee-fusion", models)
    assert ((merged == models[0]) | (merged == models[1])).all()


def test_a_row_that_hardly_diverges_is_not_taken() -> None:
    ours = np.zeros((8, 4))
    # Softmax doesn't see a shift of a whole row.
    theirs = ours + [[5.0]] * 8
    theirs[0] = [5, 0, 0, 0]
    assert list((merge("arcee-fusion", [ours, theirs]) == theirs)[0]) == [True] * 4
