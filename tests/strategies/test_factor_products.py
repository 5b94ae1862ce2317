"""Sums of products of factors, against the products themselves."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.strategies.factor_products import Product, concatenated, nearest


def products(count: int, rank: int, shape: tuple[int, int] = (12, 9)) -> list[Product]:
    random = np.random.default_rng(count)
    return [
        Product(random.normal(size=(shape[0], rank)), random.normal(size=(rank, shape[1])), random.normal())
        for _ in range(count)
    ]


def whole(parts: list[Product]) -> np.ndarray:
    return np.sum([part.weight * part.up @ part.down for part in parts], axis=0)


def test_concatenated_factors_give_the_sum() -> None:
    parts = products(3, 2)
    made = concatenated(parts)
    assert made.up.shape == (12, 6)
    np.testing.assert_allclose(made.up @ made.down, whole(parts))


@pytest.mark.parametrize("rank", [1, 2, 4, 6, 9, 20])
def test_the_nearest_factors_are_those_of_the_svd(rank: int) -> None:
    parts = products(3, 2)
    made, kept = nearest(parts, rank)
    u, sizes, v = np.linalg.svd(whole(parts))
    count = min(rank, len(sizes))
    expected = (u[:, :count] * sizes[:count]) @ v[:count]
    assert made.up.shape == (12, rank)
    assert made.down.shape == (rank, 9)
    np.testing.assert_allclose(made.up @ made.down, expected, atol=1e-12)
    assert kept == pytest.approx(np.linalg.norm(expected) / np.linalg.norm(sizes))


def test_both_factors_have_one_scale_and_signs_are_fixed() -> None:
    made, _ = nearest(products(2, 3), 3)
    np.testing.assert_allclose(np.linalg.norm(made.up, axis=0), np.linalg.norm(made.down, axis=1))
    assert (made.up[np.abs(made.up).argmax(axis=0), range(3)] > 0).all()


def test_nothing_can_still_be_trained() -> None:
    made, kept = nearest([Product(np.zeros((5, 2)), np.ones((2, 4)))], 2)
    assert not made.up.any()
    assert made.down[0].any()
    assert kept == 1
