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


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_concatenation_needs_a_rank_which_resolve_sets(forked: Repo, by_hand: bool) -> None:
    said = forked.theta("merge", "-s", "lora-cat", "side", ok=False)
    assert "would get rank 8, and adapter_config.json says 4" in said
    if by_hand:
        forked.write(CONFIG, config(rank=8, alpha=16))
    forked.theta("resolve", FILE, "-s", "lora-cat")
    assert load(forked.read(FILE))[A].shape == (8, 20)
    settings = json.loads(forked.read(CONFIG))
    assert settings["r"] == 8
    assert near(forked, MEAN, settings["lora_alpha"] / 8)
    assert settings["lora_alpha"] == (16 if by_hand else 32)
    if not by_hand:
        assert forked.read(CONFIG) == config(rank=8, alpha=32)
        assert forked.git("diff", "--name-only") == ""
    forked.git("commit", "-aqm", "merged")
    assert forked.status() == ""


def test_a_changed_scale_is_a_change_of_the_product(forked: Repo) -> None:
    """One side changed the factors, and the other one only alpha, and another module."""
    other = "base_model.model.l.k.lora_A.weight", "base_model.model.l.k.lora_B.weight"
    more = [dict(zip(other, (factors(seed)[A], factors(seed)[B]), strict=True)) for seed in range(10, 12)]
    forked.git("checkout", "-q", "-B", "base", "main^")
    commit(forked, {**factors(0), **more[0]}, config())
    forked.git("checkout", "-q", "-b", "scaled")
    commit(forked, {**factors(0), **more[1]}, config(alpha=16))
    forked.git("checkout", "-q", "-b", "trained", "base")
    commit(forked, {**factors(1), **more[0]}, config())
    forked.git("merge", "scaled")
    assert json.loads(forked.read(CONFIG))["lora_alpha"] == 16
    assert near(forked, nearest((scaled(factors(1), 2) + scaled(factors(0), 4)) / 2, 4), 4)
    found = load(forked.read(FILE))
    np.testing.assert_array_equal(found[other[0]], more[1][other[0]])


def test_factors_of_a_side_beside_settings_of_the_other(forked: Repo) -> None:
    """Factors are as on that side, bit for bit, so a line says that they mean something else now."""
    said = forked.git("merge", "-X", "ours", "side")
    np.testing.assert_array_equal(load(forked.read(FILE))[A], factors(2)[A])
    assert json.loads(forked.read(CONFIG))["lora_alpha"] == 16
    assert "the factors of l.q have another scale by adapter_config.json" in said
    forked.git("reset", "-q", "--hard", "HEAD^")
    assert "another scale" not in forked.git("merge", "-X", "theirs", "side")


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


def saved(folder: Path, adapter: dict[str, NDArray[Any]], settings: bytes) -> str:
    """An adapter's folder outside of Git."""
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(safetensors_bytes(adapter))
    (folder / "adapter_config.json").write_bytes(settings)
    return str(folder)


def product_in(folder: Path) -> NDArray[Any]:
    settings = json.loads((folder / "adapter_config.json").read_bytes())
    found = load((folder / "adapter_model.safetensors").read_bytes())
    assert len(found[A]) == settings["r"]
    return scaled(found, settings["lora_alpha"] / settings["r"])


@pytest.mark.parametrize("strategy", [("lora-cat",), ("lora-svd", "--set", "rank=7"), ("average",)])
def test_adapters_are_combined_with_their_settings(
    repo: Repo, tmp_path: Path, strategy: tuple[str, ...]
) -> None:
    one = saved(tmp_path / "one", factors(1), config(alpha=16))
    two = saved(tmp_path / "two", factors(2, rank=3), config(rank=3, alpha=9))
    out = tmp_path / "out"
    out.mkdir()
    said = repo.theta("combine", "-s", *strategy, one, two, "-o", str(out / "adapter_model.safetensors"))
    assert "adapter_config.json: written" in said
    exact = (scaled(factors(1), 4) + scaled(factors(2, rank=3), 3)) / 2
    rank = {"lora-cat": 7, "lora-svd": 7, "average": 4}[strategy[0]]
    np.testing.assert_allclose(product_in(out), nearest(exact, rank), atol=1e-4)
    # Settings of another adapter are never overwritten without being asked.
    here = tmp_path / "two" / "merged.safetensors"
    said = repo.theta("combine", "-s", *strategy, one, two, "-o", str(here), ok=False)
    assert "with other settings" in said
    assert not here.exists()
    assert (tmp_path / "two" / "adapter_config.json").read_bytes() == config(rank=3, alpha=9)


def test_an_adapter_without_a_module_adds_nothing_there(repo: Repo, tmp_path: Path) -> None:
    """As for PEFT's `add_weighted_adapter`."""
    other = {name.replace("l.q", "l.k"): value for name, value in factors(3).items() if "l.q" in name}
    one = saved(tmp_path / "one", factors(1), config())
    two = saved(tmp_path / "two", {**factors(2), **other}, config())
    out = tmp_path / "out"
    out.mkdir()
    repo.theta("combine", "-s", "lora-cat", one, two, "-o", str(out / "adapter_model.safetensors"))
    found = load((out / "adapter_model.safetensors").read_bytes())
    settings = json.loads((out / "adapter_config.json").read_bytes())
    assert settings["r"] == 8
    assert settings["rank_pattern"] == {"l.k": 4}
    half = {name.replace("l.k", "l.q"): value for name, value in found.items() if "l.k" in name}
    alpha = settings["alpha_pattern"].get("l.k", settings["lora_alpha"])
    np.testing.assert_allclose(scaled(half, alpha / 4), scaled(factors(3), 2) / 2, atol=1e-4)


def test_factors_taken_from_one_adapter_keep_their_scale(repo: Repo, tmp_path: Path) -> None:
    one = saved(tmp_path / "one", factors(1), config(alpha=16))
    two = saved(tmp_path / "two", factors(2, rank=3), config(rank=3, alpha=9))
    out = tmp_path / "out"
    out.mkdir()
    repo.theta("combine", "-s", "theirs", one, two, "-o", str(out / "adapter_model.safetensors"))
    np.testing.assert_allclose(product_in(out), scaled(factors(2, rank=3), 3), atol=1e-5)


def test_an_adapter_without_settings_among_others(repo: Repo, tmp_path: Path) -> None:
    one = saved(tmp_path / "one", factors(1), config(alpha=16))
    two = saved(tmp_path / "two", factors(2), config())
    (tmp_path / "two" / "adapter_config.json").unlink()
    said = repo.theta("combine", "-s", "average", one, two, "-o", str(tmp_path / "new"), ok=False)
    assert "adapter_config.json isn't beside all versions" in said


def test_adapters_are_merged_in_python(tmp_path: Path) -> None:
    import git_theta

    one = saved(tmp_path / "one", factors(1), config(alpha=16))
    two = saved(tmp_path / "two", factors(2, rank=3), config(rank=3, alpha=9))
    merged = git_theta.merge([one, two], strategy="lora-cat")
    settings = merged.settings()["adapter_config.json"]
    exact = (scaled(factors(1), 4) + scaled(factors(2, rank=3), 3)) / 2
    found = scaled({A: merged[A], B: merged[B]}, settings["lora_alpha"] / settings["r"])
    np.testing.assert_allclose(found, exact, atol=1e-4)
