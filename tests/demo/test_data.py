from __future__ import annotations

import numpy as np
import pytest

from git_theta.demo.data import Digits, concatenated, load_digits, shifted, with_labels


@pytest.fixture(scope="module")
def digits() -> tuple[Digits, Digits]:
    return load_digits()


def test_the_split_of_the_data_is_deterministic(digits: tuple[Digits, Digits]) -> None:
    training, held_out = digits
    assert len(training.labels) + len(held_out.labels) == 1797
    assert training.images.shape == (1438, 64)
    assert training.images.dtype == np.float32
    assert training.images.min() >= 0
    assert training.images.max() == 1
    assert set(held_out.labels) == set(range(10))
    assert np.array_equal(load_digits()[0].images, training.images)


def test_variations_keep_the_labels(digits: tuple[Digits, Digits]) -> None:
    held_out = digits[1]
    moved = shifted(held_out)
    assert np.array_equal(moved.labels, held_out.labels)
    assert moved.images.dtype == np.float32
    assert not np.array_equal(moved.images, held_out.images)
    assert not moved.images.reshape(-1, 8, 8)[:, :, 0].any()
    low, high = with_labels(held_out, range(5)), with_labels(held_out, range(5, 10))
    assert low.labels.max() == 4
    assert high.labels.min() == 5
    assert len(concatenated(low, high).labels) == len(held_out.labels)
