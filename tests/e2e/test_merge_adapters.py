"""Merges of LoRA adapters, as PEFT saves them: products are merged, and `adapter_config.json` is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

FILE, CONFIG = "lora/adapter_model.safetensors", "lora/adapter_config.json"
A, B = (f"base_model.model.l.q.lora_{part}.weight" for part in "AB")


def config(rank: int = 4, alpha: int = 8) -> bytes:
    settings = {"lora_alpha": alpha, "peft_type": "LORA", "modules_to_save": None, "r": rank}
    return json.dumps({**settings, "target_modules": ["q"], "use_dora": False}, indent=2).encode()


def factors(seed: int, rank: int = 4) -> dict[str, NDArray[Any]]:
    random = np.random.default_rng(seed)
    return {
        A: random.normal(size=(rank, 20)).astype("f4"),
        B: random.normal(size=(30, rank)).astype("f4"),
        "base_model.model.head.weight": np.full((3, 3), seed, "f4"),
    }


def scaled(adapter: dict[str, NDArray[Any]], scale: float) -> NDArray[Any]:
    return scale * adapter[B].astype("f8") @ adapter[A]


def nearest(matrix: NDArray[Any], rank: int) -> NDArray[Any]:
    u, sizes, v = np.linalg.svd(matrix)
    return (u[:, :rank] * sizes[:rank]) @ v[:rank]


def commit(repo: Repo, adapter: dict[str, NDArray[Any]], settings: bytes) -> None:
    repo.write(FILE, safetensors_bytes(adapter))
    repo.write(CONFIG, settings)
    repo.commit()


def near(repo: Repo, expected: NDArray[Any], scale: float) -> bool:
    return bool(np.allclose(scaled(load(repo.read(FILE)), scale), expected, atol=1e-4))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """The branches main and side, whose adapters go on from one adapter; side has another alpha."""
    repo = Repo(tmp_path_factory.mktemp("adapters") / "repo")
    repo.path.mkdir()
    repo.git("init", "-q")
    repo.theta("track", "*.safetensors")
    commit(repo, factors(0), config())
    repo.git("checkout", "-q", "-b", "side")
    commit(repo, factors(1), config(alpha=16))
    repo.git("checkout", "-q", "main")
    commit(repo, factors(2), config())
    return repo


@pytest.fixture
def forked(original: Repo, tmp_path: Path) -> Repo:
    return original.copy(tmp_path / "repo")


MEAN = (scaled(factors(1), 4) + scaled(factors(2), 2)) / 2


def test_a_merge_is_the_mean_of_the_products(forked: Repo) -> None:
    said = forked.git("merge", "side")
    assert near(forked, nearest(MEAN, 4), 4)
    assert json.loads(forked.read(CONFIG))["lora_alpha"] == 16
    assert load(forked.read(FILE))["base_model.model.head.weight"][0, 0] == 1.5
    assert "1 averaged, 2 by lora-svd" in said or "2 by lora-svd, 1 averaged" in said
    assert "base_model.model.l.q: lora-svd keeps" in said
    assert "lora-cat would keep all" in said
    assert forked.status() == ""


def test_weights_given_for_the_average_are_those_of_the_products(forked: Repo) -> None:
    forked.theta("merge", "-s", "average", "--set", "weights=1,3", "side")
    assert near(forked, nearest((scaled(factors(2), 2) + 3 * scaled(factors(1), 4)) / 4, 4), 4)


def test_another_method_is_a_conflict_that_says_so(forked: Repo) -> None:
    said = forked.theta("merge", "-s", "ties", "side", ok=False)
    assert "ties would merge LoRA factors apart" in said
    forked.theta("resolve", FILE, "-s", "theirs")
    np.testing.assert_array_equal(load(forked.read(FILE))[A], factors(1)[A])


def test_a_concatenation_needs_a_rank_and_goes_on_once_it_is_there(forked: Repo) -> None:
    said = forked.theta("merge", "-s", "lora-cat", "side", ok=False)
    assert "set r there to 8" in said
    forked.write(CONFIG, config(rank=8, alpha=16))
    forked.theta("resolve", FILE, "-s", "lora-cat")
    assert load(forked.read(FILE))[A].shape == (8, 20)
    assert near(forked, MEAN, 2)
    forked.git("commit", "-aqm", "merged")
    assert forked.status() == ""


def test_settings_in_conflict_are_settled_first(forked: Repo) -> None:
    commit(forked, factors(2, rank=3), config(rank=3, alpha=9))
    said = forked.git("merge", "side", ok=False)
    assert "adapter_config.json is in conflict" in said
    assert "adapter_config.json is in conflict" in forked.theta("resolve", FILE, ok=False)
    forked.write(CONFIG, config(rank=5, alpha=5))
    forked.git("add", CONFIG)
    forked.theta("resolve", FILE, "-s", "lora-svd")
    exact = (scaled(factors(1), 4) + scaled(factors(2, rank=3), 3)) / 2
    assert near(forked, nearest(exact, 5), 1)


def test_a_pick_adds_the_change_of_the_product(forked: Repo) -> None:
    forked.git("cherry-pick", "side")
    exact = scaled(factors(2), 2) + scaled(factors(1), 4) - scaled(factors(0), 2)
    assert near(forked, nearest(exact, 4), 4)


def test_a_stash_adds_the_change_of_the_product(forked: Repo) -> None:
    forked.git("reset", "-q", "--hard", "HEAD^")
    forked.write(FILE, safetensors_bytes(factors(1)))
    forked.git("stash", "-q")
    forked.git("merge", "-q", "--ff-only", "main@{1}")
    forked.git("stash", "pop")
    exact = scaled(factors(2), 2) + scaled(factors(1), 2) - scaled(factors(0), 2)
    assert near(forked, nearest(exact, 4), 2)


def test_changes_of_one_factor_each_are_not_mixed(forked: Repo) -> None:
    """A from ours and B from theirs, which belong to different products."""
    base, one, other = factors(0), {**factors(0), A: factors(1)[A]}, {**factors(0), B: factors(2)[B]}
    forked.git("checkout", "-q", "-b", "a", "main^")
    commit(forked, one, config())
    forked.git("checkout", "-q", "-b", "b", "main^")
    commit(forked, other, config())
    forked.git("merge", "a")
    assert near(forked, nearest((scaled(one, 2) + scaled(other, 2)) / 2, 4), 2)
    assert not np.array_equal(load(forked.read(FILE))[A], base[A])


def test_an_octopus_merges_products(forked: Repo) -> None:
    forked.git("checkout", "-q", "-b", "third", "main^")
    commit(forked, factors(3), config())
    forked.git("checkout", "-q", "main")
    forked.theta("merge", "side", "third")
    exact = (scaled(factors(2), 2) + scaled(factors(1), 4) + scaled(factors(3), 2)) / 3
    assert near(forked, nearest(exact, 4), 4)
