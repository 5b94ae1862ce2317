from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from git_theta.updates.factors import MANTISSA, RowBlocks, approximate, find_factors
from git_theta.updates.rounding import round_to, widen

Matrix = NDArray[np.float64]

HEIGHT, WIDTH, RANK = 9000, 96, 5


def product(seed: int, rank: int = RANK) -> Matrix:
    random = np.random.default_rng(seed)
    return random.standard_normal((HEIGHT, rank)) @ random.standard_normal((rank, WIDTH))


def stored(numbers: Matrix, dtype: str) -> Matrix:
    return widen(round_to(numbers.reshape(-1), dtype), dtype).reshape(numbers.shape)


def pairs(value: Matrix, base: Matrix) -> RowBlocks:
    def blocks() -> Iterator[tuple[Matrix, Matrix]]:
        for start in range(0, len(value), 1000):
            yield value[start : start + 1000], base[start : start + 1000]

    return blocks


@pytest.mark.parametrize("dtype", ["F32", "BF16", "F16"])
def test_a_tall_product_is_found(dtype: str) -> None:
    base = stored(np.random.default_rng(1).standard_normal((HEIGHT, WIDTH)), dtype)
    change = product(2)
    found = find_factors(pairs(stored(base + change, dtype), base), base.shape, 24, dtype)
    assert found is not None
    left, right = found
    assert left.shape == (HEIGHT, RANK)
    assert right.shape == (RANK, WIDTH)
    error = np.abs(left.astype("f8") @ right - change).max()
    assert error < 16 * 2.0 ** -MANTISSA[dtype] * np.abs(change).max()


@pytest.mark.parametrize(
    "change", [product(3, WIDTH), np.zeros((HEIGHT, WIDTH)), np.full((HEIGHT, WIDTH), np.nan)]
)
def test_changes_without_a_low_rank_have_no_factors(change: Matrix) -> None:
    base = stored(np.random.default_rng(1).standard_normal((HEIGHT, WIDTH)), "F32")
    assert find_factors(pairs(stored(base + change, "F32"), base), base.shape, 24, "F32") is None


def test_an_exact_product_of_zeros_and_a_row_is_found() -> None:
    """Nothing is left beyond its rank, not even rounding."""
    change = np.zeros((HEIGHT, WIDTH))
    change[4321] = 3.0
    found = find_factors(pairs(change, np.zeros_like(change)), change.shape, 24, "F32")
    assert found is not None
    assert np.allclose(found[0].astype("f8") @ found[1], change, atol=1e-6)


def test_memory_is_that_of_a_few_columns() -> None:
    base = np.zeros((HEIGHT * 6, 8))
    value = np.random.default_rng(0).standard_normal((len(base), 1)) * np.ones(8)
    tracemalloc.start()
    assert find_factors(pairs(value, base), base.shape, 2, "F64") is not None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * value.nbytes


def test_the_nearest_matrix_of_a_rank() -> None:
    change = product(4)[:64]
    assert np.allclose(approximate(change, RANK), change)
    values = np.linalg.svd(change - approximate(change, RANK - 1), compute_uv=False)
    assert values[0] == pytest.approx(np.linalg.svd(change, compute_uv=False)[RANK - 1])
