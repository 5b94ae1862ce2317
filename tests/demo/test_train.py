from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from git_theta.demo.data import Digits, load_digits
from git_theta.demo.train import accuracy, fine_tune, initial, layer_indices, train

if TYPE_CHECKING:
    pass


@pytest.fixture(scope="module")
def digits() -> tuple[Digits, Digits]:
    return load_digits()


def test_training_learns(digits: tuple[Digits, Digits]) -> None:
    training, held_out = digits
    before = accuracy(initial(), held_out)
    params = train(training, epochs=4)
    assert before < 0.4
    assert accuracy(params, held_out) > 0.93
    assert all(value.dtype == np.float32 for value in params.values())


def test_training_is_deterministic(digits: tuple[Digits, Digits]) -> None:
    first, second = (train(digits[0], epochs=1) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_training_fits_a_small_data_set() -> None:
    digits = Digits(np.eye(10, 64, dtype=np.float32), np.arange(10))
    params = initial(sizes=(64, 32, 10))
    assert accuracy(fine_tune(params, digits, epochs=100, learning_rate=1e-2), digits) == 1


def test_frozen_layers_keep_their_bits(digits: tuple[Digits, Digits]) -> None:
    params = initial()
    tuned = fine_tune(params, digits[0], layers=[-2, -1], epochs=1)
    same = [np.array_equal(params[name], tuned[name]) for name in params]
    assert same == [True] * 4 + [False] * 4
    assert layer_indices(params) == [0, 1, 2, 3]


def test_fine_tuning_does_not_change_its_input(digits: tuple[Digits, Digits]) -> None:
    params = initial()
    kept = {name: value.copy() for name, value in params.items()}
    fine_tune(params, digits[0], epochs=1)
    assert all(np.array_equal(params[name], kept[name]) for name in params)
