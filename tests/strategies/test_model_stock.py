from __future__ import annotations

import numpy as np
from hypothesis import given

from tests.helpers.merging import Array, close, merge, size, vectors

BASE = np.array([5.0, 5.0])


def from_base(*angles: float) -> list[Array]:
    return [BASE + np.array([np.cos(angle), np.sin(angle)]) for angle in angles]


def test_orthogonal_changes_leave_the_base() -> None:
    assert close(merge("model-stock", from_base(0, np.pi / 2), BASE), BASE)


def test_parallel_changes_are_averaged() -> None:
    models = [BASE + 1, BASE + 3]
    assert close(merge("model-stock", models, BASE), BASE + 2)


def test_between_them_the_ratio_is_that_of_the_paper() -> None:
    models = from_base(0, np.pi / 3)
    # Two models: 2 cos / (1 + cos).
    assert close(merge("model-stock", models, BASE), BASE + 2 / 3 * ((models[0] + models[1]) / 2 - BASE))


def test_opposite_changes_leave_the_base() -> None:
    assert close(merge("model-stock", from_base(0, np.pi), BASE), BASE)


def test_small_changes_have_angles_too() -> None:
    base = np.zeros(2)
    one, other = np.array([1e-9, 0]), np.array([1e-9, 1e-9])
    cosine = np.sqrt(0.5)
    assert close(merge("model-stock", [one, other], base), 2 * cosine / (1 + cosine) * (one + other) / 2)


def test_rows_have_ratios_of_their_own() -> None:
    base, *models = np.random.default_rng(0).normal(size=(4, 3, 5))
    rows = merge("model-stock", models, base, filter_wise=True)
    for row in range(3):
        want = merge("model-stock", [model[row] for model in models], base[row])
        assert close(rows[row], want, 10.0)


@given(vectors(3))
def test_a_vector_is_one_row(models: list[Array]) -> None:
    base, *sides = [model.reshape(-1) for model in models]
    one = merge("model-stock", sides, base)
    assert np.allclose(
        merge("model-stock", sides, base, filter_wise=True), one, rtol=1e-9, atol=1e-6 * size(models)
    )
