"""Derivations that files beside models state, with real Git."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.gguf_files import gguf_bytes
from tests.helpers.repo import Repo

pytest.importorskip("yaml")


def weights(seed: int) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return {
        f"l.{i}": np.random.default_rng(seed + i).standard_normal((64, 64)).astype("f4") for i in range(3)
    }


def edges(repo: Repo) -> set[tuple[str, str, str, str]]:
    found = json.loads(repo.run_theta("lineage", "show", "--json").stdout)
    return {(edge["child"], edge["parent"], edge["relation"], edge["source"]) for edge in found["edges"]}


def test_files_beside_models(repo: Repo) -> None:
    for folder, seed in (("base", 0), ("lora", 10), ("merged", 20), ("card", 30)):
        repo.write(f"{folder}/model.safetensors", safetensors_bytes(weights(seed)))
    config = {"base_model_name_or_path": "../base", "peft_type": "LORA"}
    repo.write("lora/adapter_config.json", json.dumps(config).encode())
    repo.write("merged/mergekit_config.yml", b"models:\n- model: base\n- model: org/other\n")
    repo.write("card/README.md", b"---\nbase_model: org/base\nbase_model_relation: finetune\n---\n# Card\n")
    repo.commit("models")
    assert edges(repo) == {
        ("lora/model.safetensors", "base/model.safetensors", "adapter", "config"),
        ("merged/model.safetensors", "base/model.safetensors", "merge", "mergekit"),
        ("merged/model.safetensors", "hf:org/other", "merge", "mergekit"),
        ("card/model.safetensors", "hf:org/base", "finetune", "card"),
    }
    repo.theta("lineage", "add", "card", "--from", "hf:org/base", "--relation", "distilled")
    assert ("card/model.safetensors", "hf:org/base", "distilled", "recorded") in edges(repo)
    assert len(edges(repo)) == 4


def test_a_file_that_cant_be_read_is_told(repo: Repo) -> None:
    repo.write("m/model.safetensors", safetensors_bytes(weights(0)))
    repo.write("m/README.md", b"---\nbase_model: [\n---\n")
    repo.write("m/adapter_config.json", b"{")
    repo.commit("models")
    told = repo.run_theta("lineage").stderr
    assert "m/README.md: the head of README.md isn't YAML" in told
    assert "m/adapter_config.json: adapter_config.json isn't JSON" in told


def test_gguf(repo: Repo) -> None:
    repo.theta("track", "*.gguf")
    metadata = {
        "general.base_model.count": 1,
        "general.base_model.0.repo_url": "https://huggingface.co/org/base",
    }
    value = np.zeros((4, 32), "f2").tobytes()
    repo.write("m.gguf", gguf_bytes({"w": ("F16", (4, 32), value)}, metadata))
    repo.commit("models")
    assert edges(repo) == {("m.gguf", "hf:org/base", "derived", "gguf")}


def test_a_merge_that_another_program_made(repo: Repo) -> None:
    one, other = weights(0), weights(50)
    repo.write("a.safetensors", safetensors_bytes(one))
    repo.write("b.safetensors", safetensors_bytes(other))
    repo.commit("parents")
    mean = {name: ((one[name].astype("f8") + other[name]) / 2).astype("f4") for name in one}
    repo.write("soup.safetensors", safetensors_bytes(mean))
    repo.commit("soup")
    assert edges(repo) == {
        ("soup.safetensors", "a.safetensors", "merge", "manifest"),
        ("soup.safetensors", "b.safetensors", "merge", "manifest"),
    }
