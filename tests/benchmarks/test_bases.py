"""The case `bases`: its steps are what they say, and a fine-tune costs what it should."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks import bases
from benchmarks.models import noisy


def model(seed: int) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    rng = np.random.default_rng(seed)
    names = [f"encoder.layer.{layer}.{part}" for layer in range(3) for part in ("q", "k")]
    return {name: rng.standard_normal((64, 80), np.float32) for name in names}


def test_shards_have_all_parameters_once() -> None:
    parts = [names for _, names in bases._shards(model(0), 4)]
    assert [len(part) for part in parts] == [2, 2, 2]
    assert {name for part in parts for name in part} == model(0).keys()


def test_chosen_layers_are_numbered_anew() -> None:
    old = model(0)
    new = bases._some_layers(old, (2, 2))
    assert sorted(new) == [f"encoder.layer.{layer}.{part}" for layer in (0, 1) for part in ("k", "q")]
    np.testing.assert_array_equal(new["encoder.layer.1.q"], old["encoder.layer.2.q"])


def test_a_cost_is_the_share_of_new_payloads(tmp_path: Path) -> None:
    old = model(0)
    new = {name: noisy(array) for name, array in old.items()}
    alone = bases._cost(tmp_path, [], [("m", new)])
    direct = bases._cost(tmp_path, [("m", old)], [("m", new)])
    sharded = bases._cost(tmp_path, bases._shards(old, 3), [("m", new)])
    assert bases._cost(tmp_path, [("m", old)], [("n", old)]) == 0
    assert direct < 0.8 * alone
    assert sharded <= 1.02 * direct
