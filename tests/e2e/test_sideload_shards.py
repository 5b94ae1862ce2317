"""`git theta add` with an adapter for a model of several shards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers.checkpoints import safetensors_arrays, safetensors_bytes
from tests.helpers.repo import Repo

Arrays = dict[str, NDArray[Any]]

RANDOM = np.random.default_rng(3)
INDEX = "model.safetensors.index.json"
SHARDS = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
LORA = ("--update-type", "low-rank", "--update-data")


def normal(*shape: int) -> NDArray[np.float32]:
    return RANDOM.standard_normal(shape).astype("f4")


MODEL: list[Arrays] = [
    {"model.layers.0.q_proj.weight": normal(24, 32), "model.embed_tokens.weight": normal(40, 32)},
    {"model.layers.1.q_proj.weight": normal(24, 32), "model.layers.1.q_proj.bias": normal(24)},
    {"model.norm.weight": normal(32), "lm_head.weight": normal(40, 32)},
]
UP, DOWN = normal(24, 2), normal(2, 32)


@pytest.fixture
def model(tracked: Repo, tmp_path: Path) -> Repo:
    """A repository with the model in its folder `llm`, in three shards."""
    repo = tracked.copy(tmp_path / "repo")
    weight_map = {}
    for shard, arrays in zip(SHARDS, MODEL, strict=True):
        repo.write(f"llm/{shard}", safetensors_bytes(arrays))
        weight_map.update(dict.fromkeys(arrays, shard))
    repo.write(f"llm/{INDEX}", json.dumps({"metadata": {}, "weight_map": weight_map}).encode())
    repo.commit("model")
    return repo


def adapter(folder: Path, modules: list[str], **arrays: NDArray[Any]) -> str:
    """A LoRA of rank 2 for some modules, and other tensors, as PEFT saves them."""
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 2, "lora_alpha": 4}')
    tensors = dict(arrays)
    for module in modules:
        tensors[f"{module}.lora_A.weight"], tensors[f"{module}.lora_B.weight"] = DOWN, UP
    named = {f"base_model.model.{name}": value for name, value in tensors.items()}
    (folder / "adapter_model.safetensors").write_bytes(safetensors_bytes(named))
    return str(folder)


BOTH = ["model.layers.0.q_proj", "model.layers.1.q_proj"]


@pytest.mark.parametrize("name", [f"llm/{INDEX}", "llm", "llm/"])
def test_an_update_goes_to_the_shards_that_have_its_parameters(
    model: Repo, tmp_path: Path, name: str
) -> None:
    out = model.theta("add", name, *LORA, adapter(tmp_path / "lora", BOTH))
    assert "2 parameters changed" in out
    for shard, before in zip(SHARDS, MODEL, strict=True):
        after = safetensors_arrays(model.read(f"llm/{shard}"))
        for parameter, value in before.items():
            moved = 2 * (UP @ DOWN) if parameter.endswith("q_proj.weight") else 0
            np.testing.assert_allclose(after[parameter], value + moved, atol=1e-5)
    assert model.status() == f"M  llm/{SHARDS[0]}\nM  llm/{SHARDS[1]}\n"
    assert model.git("diff-files", "--name-only") == ""
    written = [model.read(f"llm/{shard}") for shard in SHARDS]
    model.git("commit", "-q", "-m", "adapter")
    for shard in SHARDS:
        (model.path / "llm" / shard).unlink()
    model.git("checkout", "--", ".")
    assert [model.read(f"llm/{shard}") for shard in SHARDS] == written


def test_the_folder_that_one_is_in(model: Repo, tmp_path: Path) -> None:
    lora = adapter(tmp_path / "lora", BOTH)
    assert "2 parameters changed" in Repo(model.path / "llm").theta("add", ".", *LORA, lora)
    model.git("reset", "-q", "--hard")
    assert "2 parameters changed" in Repo(model.path / "llm").theta("add", INDEX, *LORA, lora)


def refuse(repo: Repo, *args: str) -> str:
    """The message of a command that must fail and change nothing."""
    before = {path: path.read_bytes() for path in repo.path.glob("llm/*")}
    index = repo.git("ls-files", "-s")
    done = repo.run_theta("add", *args, ok=False)
    assert done.returncode in range(1, 8)
    assert done.stderr.count("error: ") == 1
    assert {path: path.read_bytes() for path in repo.path.glob("llm/*")} == before
    assert repo.git("ls-files", "-s") == index
    return done.stderr


def test_one_shard_points_to_the_index(model: Repo, tmp_path: Path) -> None:
    lora = adapter(tmp_path / "lora", BOTH)
    message = refuse(model, f"llm/{SHARDS[0]}", *LORA, lora)
    assert f"git theta add llm/{INDEX}" in message
    # An adapter of this shard alone is fine.
    model.theta("add", f"llm/{SHARDS[0]}", *LORA, adapter(tmp_path / "one", BOTH[:1]))


@pytest.mark.parametrize("applied_to", [0, 1])
def test_an_adapter_that_one_shard_has_already(model: Repo, tmp_path: Path, applied_to: int) -> None:
    model.theta("add", f"llm/{INDEX}", *LORA, adapter(tmp_path / "one", BOTH[applied_to : applied_to + 1]))
    for step in range(3):
        model.git("commit", "-q", "--allow-empty", "-a", "-m", "later")
        arrays = safetensors_arrays(model.read(f"llm/{SHARDS[applied_to]}"))
        name = f"model.layers.{applied_to}.q_proj.weight"
        change = np.float32(0.1 * step) * normal(24, 32)
        model.write(f"llm/{SHARDS[applied_to]}", safetensors_bytes({**arrays, name: arrays[name] + change}))
    model.git("commit", "-q", "-a", "-m", "trained further")
    lora = adapter(tmp_path / "lora", BOTH)
    message = refuse(model, f"llm/{INDEX}", *LORA, lora)
    assert f"llm/{SHARDS[applied_to]} has this update already" in message
    model.theta("add", f"llm/{INDEX}", *LORA, lora, "--again")


def test_shards_of_which_only_some_are_changed(model: Repo, tmp_path: Path) -> None:
    lora = adapter(tmp_path / "lora", BOTH)
    name = "model.layers.0.q_proj.weight"
    merged = {**MODEL[0], name: MODEL[0][name] + 2 * (UP @ DOWN)}
    model.write(f"llm/{SHARDS[0]}", safetensors_bytes(merged))
    assert "has changes, and llm/" in refuse(model, f"llm/{INDEX}", *LORA, lora)
    name = "model.layers.1.q_proj.weight"
    model.write(f"llm/{SHARDS[1]}", safetensors_bytes({**MODEL[1], name: MODEL[1][name] + 2 * (UP @ DOWN)}))
    assert "staged as it is" in model.theta("add", f"llm/{INDEX}", *LORA, lora)
    assert model.git("show", f":llm/{SHARDS[1]}").count(" low-rank(") == 1
    assert model.git("diff-files", "--name-only") == ""


def test_the_versions_of_a_commit_as_the_base(model: Repo, tmp_path: Path) -> None:
    lora = adapter(tmp_path / "lora", BOTH)
    model.theta("add", "llm", *LORA, lora, "--scale", "5")
    model.git("commit", "-q", "-m", "older")
    model.theta("add", "llm", *LORA, lora, "--base", "HEAD^")
    for number in (0, 1):
        name = f"model.layers.{number}.q_proj.weight"
        after = safetensors_arrays(model.read(f"llm/{SHARDS[number]}"))[name]
        np.testing.assert_allclose(after, MODEL[number][name] + 2 * (UP @ DOWN), atol=1e-5)
    # The version that is the base may have the adapter already.
    model.git("commit", "-q", "-m", "newer")
    assert "has this update already" in refuse(model, "llm", *LORA, lora, "--base", "HEAD")


def test_an_embedding_whose_tied_output_is_in_another_shard(model: Repo, tmp_path: Path) -> None:
    model.write("llm/config.json", b'{"model_type": "llama", "tie_word_embeddings": true}')
    new = {"model.embed_tokens.weight": MODEL[0]["model.embed_tokens.weight"] + 1}
    assert "tie_word_embeddings" in refuse(model, "llm", *LORA, adapter(tmp_path / "lora", BOTH, **new))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"weight_map": {"a": "../elsewhere.safetensors"}}', "isn't the name of a file beside it"),
        ('{"weight_map": {}}', "names no shards"),
        ("[" * 100_000, "isn't an index of shards"),
        ('{"weight_map": {"a": "model-4.safetensors"}}', "isn't tracked|no previous version"),
    ],
)
def test_an_index_that_is_wrong(model: Repo, tmp_path: Path, text: str, message: str) -> None:
    model.write(f"llm/{INDEX}", text.encode())
    found = refuse(model, f"llm/{INDEX}", *LORA, adapter(tmp_path / "lora", BOTH))
    assert any(part in found for part in message.split("|"))


def test_a_parameter_in_two_shards(model: Repo, tmp_path: Path) -> None:
    model.write(f"llm/{SHARDS[2]}", safetensors_bytes({**MODEL[2], **MODEL[1]}))
    model.commit("twice")
    assert f"is in llm/{SHARDS[1]} and in" in refuse(model, "llm", *LORA, adapter(tmp_path / "lora", BOTH))
