"""Quantiles and histograms of all numbers, and of a sketch."""

from __future__ import annotations

import numpy as np
import pytest

from git_theta.report.quantiles import SHARES, ExactQuantiles, Quantiles, QuantileSketch, bin_edges

NUMBERS = np.random.default_rng(5).normal(0, 3, 4000)


def filled(made: Quantiles, numbers: np.ndarray = NUMBERS) -> Quantiles:
    for block in np.array_split(numbers, 3):
        made.add(block)
    return made


def test_exact_quantiles_are_those_of_numpy() -> None:
    found = filled(ExactQuantiles()).quantiles(NUMBERS.min(), NUMBERS.max())
    assert list(found) == list(SHARES)
    assert list(found.values()) == np.quantile(NUMBERS, SHARES).tolist()


def test_quantiles_of_a_sketch_are_close() -> None:
    found = filled(QuantileSketch()).quantiles(NUMBERS.min(), NUMBERS.max())
    assert list(found.values()) == pytest.approx(np.quantile(NUMBERS, SHARES, method="lower"), rel=2**-8)


def test_a_sketch_of_few_bits_is_exact() -> None:
    numbers = np.round(NUMBERS * 4)
    found = filled(QuantileSketch(), numbers).quantiles(numbers.min(), numbers.max())
    assert list(found.values()) == np.quantile(numbers, SHARES, method="lower").tolist()


@pytest.mark.parametrize("kind", [ExactQuantiles, QuantileSketch])
def test_every_number_is_in_a_bin(kind: type[Quantiles]) -> None:
    edges = bin_edges(NUMBERS.min(), NUMBERS.max(), False)
    found = filled(kind()).histogram(edges)
    assert found.edges == tuple(edges)
    assert sum(found.counts) == NUMBERS.size


@pytest.mark.parametrize(
    ("low", "high", "integral", "edges"),
    [
        (2, 2, False, [2, 2]),
        (-1, 1, True, [-1.5, -0.5, 0.5, 1.5]),
        (0, 20, False, list(range(21))),
        (0, 40, True, list(range(0, 41, 2))),
    ],
    ids=["one number", "few integers", "numbers", "many integers"],
)
def test_edges_of_bins(low: float, high: float, integral: bool, edges: list[float]) -> None:
    assert bin_edges(low, high, integral) == edges


def test_edges_between_huge_numbers_are_finite() -> None:
    edges = bin_edges(-1.7e308, 1.7e308, False)
    assert np.isfinite(edges).all()
    assert edges == sorted(edges)
