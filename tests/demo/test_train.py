from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from git_theta.demo.checkpoint import load, save
from git_theta.demo.data import Digits, both, load_digits, only, shifted
from git_theta.demo.train import accuracy, fine_tune, initial, layer_indices, train

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def digits() -> tuple[Digits, Digits]:
    return load_digits()


def test_the_data_is_split_once_and_for_all(digits: tuple[Digits, Digits]) -> None:
    training, held_out = digits
    assert len(training.labels) + len(held_out.labels) == 1797
    assert training.images.shape == (1438, 64)
    assert training.images.dtype == np.float32
    assert training.images.min() >= 0
    assert training.images.max() == 1
    assert set(held_out.labels) == set(range(10))
    assert np.array_equal(load_digits()[0].images, training.images)


def test_training_learns(digits: tuple[Digits, Digits]) -> None:
    training, held_out = digits
    before = accuracy(initial(), held_out)
    params = train(training, epochs=4)
    assert before < 0.4
    assert accuracy(params, held_out) > 0.93
    assert all(value.dtype == np.float32 for value in params.values())


def test_training_repeats_itself(digits: tuple[Digits, Digits]) -> None:
    first, second = (train(digits[0], epochs=1) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_training_fits_what_it_is_given() -> None:
    digits = Digits(np.eye(10, 64, dtype=np.float32), np.arange(10))
    params = initial(sizes=(64, 32, 10))
    assert accuracy(fine_tune(params, digits, epochs=100, learning_rate=1e-2), digits) == 1


def test_frozen_layers_keep_their_bits(digits: tuple[Digits, Digits]) -> None:
    params = initial()
    tuned = fine_tune(params, digits[0], layers=[-2, -1], epochs=1)
    same = [np.array_equal(params[name], tuned[name]) for name in params]
    assert same == [True] * 4 + [False] * 4
    assert layer_indices(params) == [0, 1, 2, 3]


def test_fine_tuning_leaves_its_input_alone(digits: tuple[Digits, Digits]) -> None:
    params = initial()
    kept = {name: value.copy() for name, value in params.items()}
    fine_tune(params, digits[0], epochs=1)
    assert all(np.array_equal(params[name], kept[name]) for name in params)


def test_variations_keep_the_labels(digits: tuple[Digits, Digits]) -> None:
    held_out = digits[1]
    moved = shifted(held_out)
    assert np.array_equal(moved.labels, held_out.labels)
    assert moved.images.dtype == np.float32
    assert not np.array_equal(moved.images, held_out.images)
    assert not moved.images.reshape(-1, 8, 8)[:, :, 0].any()
    low, high = only(held_out, range(5)), only(held_out, range(5, 10))
    assert low.labels.max() == 4
    assert high.labels.min() == 5
    assert len(both(low, high).labels) == len(held_out.labels)


def test_a_saved_checkpoint_loads(tmp_path: Path) -> None:
    params = initial()
    save(tmp_path / "model.safetensors", params)
    loaded = load(tmp_path / "model.safetensors")
    assert list(loaded) == list(params)
    assert all(np.array_equal(loaded[name], params[name]) for name in params)


def test_others_can_read_a_saved_checkpoint(tmp_path: Path) -> None:
    reader = pytest.importorskip("safetensors.numpy")
    params = initial()
    save(tmp_path / "model.safetensors", params)
    loaded = reader.load_file(tmp_path / "model.safetensors")
    assert all(np.array_equal(loaded[name], params[name]) for name in params)
