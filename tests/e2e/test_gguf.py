"""GGUF files with real Git: split, shared with other formats, merged, and always the same bytes."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from git_theta.model.tensor import TensorSpec
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.gguf_files import GgufTensor, gguf_bytes
from tests.helpers.repo import Repo

NAME = "m.gguf"
WEIGHTS = np.random.default_rng(3).normal(0, 0.02, (300, 256)).astype("f2")
METADATA = {"general.architecture": "llama", "tokenizer.ggml.tokens": [f"word {n}" for n in range(90_000)]}


def tensor(dtype: str, *shape: int, seed: int = 0) -> GgufTensor:
    return dtype, shape, Random(f"{dtype}{shape}{seed}").randbytes(TensorSpec(dtype, shape).nbytes)


BASE = {
    "token_embd.weight": ("F16", (300, 256), WEIGHTS.tobytes()),
    "blk.0.weight": tensor("Q4_K", 64, 256),
    "blk.1.weight": tensor("Q8_0", 64, 64),
    "norm": ("F32", (64,), np.ones(64, "<f4").tobytes()),
}


def manifest(repo: Repo, name: str = NAME) -> Manifest:
    return parse_manifest(repo.git("cat-file", "-p", f":{name}").encode())


def change(repo: Repo, branch: str, tensors: dict[str, GgufTensor], **more: object) -> bytes:
    data = gguf_bytes(tensors, METADATA | more)
    repo.git("checkout", "-q", "-B", branch)
    repo.write(NAME, data)
    repo.commit()
    return data


@pytest.fixture
def fork(repo: Repo) -> Repo:
    """A repository with a model, on the branch `main`."""
    repo.theta("track", "*.gguf")
    change(repo, "main", BASE)
    return repo


def test_a_conversion_shares_the_values(repo: Repo) -> None:
    repo.theta("track", "*.gguf")
    repo.write("m.safetensors", safetensors_bytes({"embed": WEIGHTS}))
    repo.commit()
    data = change(repo, "main", BASE)
    entries = manifest(repo).by_name
    (shared,) = manifest(repo, "m.safetensors").entries
    assert entries["token_embd.weight"].source == shared.source
    assert (manifest(repo).format, entries["blk.0.weight"].spec.dtype) == ("gguf", "Q4_K")
    repo.git("rm", "-q", "--cached", NAME)
    repo.git("reset", "-q", "--hard")
    assert repo.read(NAME) == data
    assert "Q4_K" in repo.theta("show", NAME)
    assert "L2 norm" in repo.theta("show", NAME, "--param", "blk.0.weight")


def test_big_endian_floats_share_the_values_too(fork: Repo) -> None:
    swapped = {**BASE, "token_embd.weight": ("F16", (300, 256), WEIGHTS.byteswap().tobytes())}
    data = gguf_bytes(swapped, METADATA, 3, big_endian=True)
    fork.write("big.gguf", data)
    fork.commit()
    assert manifest(fork, "big.gguf").by_name["token_embd.weight"].digest == (
        manifest(fork).by_name["token_embd.weight"].digest
    )
    (fork.path / "big.gguf").unlink()
    fork.git("checkout", "-q", "--", "big.gguf")
    assert fork.read("big.gguf") == data


@pytest.mark.slow
def test_tensors_that_sides_add_and_change(fork: Repo) -> None:
    tuned = {**BASE, "norm": ("F32", (64,), np.full(64, 3, "<f4").tobytes())}
    change(fork, "side", {**tuned, "extra": tensor("Q6_K", 2, 256)}, author="x")
    fork.git("checkout", "-q", "main")
    change(fork, "main", {**BASE, "blk.1.weight": tensor("Q8_0", 64, 64, seed=1)})
    fork.git("merge", "-q", "-m", "merged", "side")
    expected = {**tuned, "blk.1.weight": tensor("Q8_0", 64, 64, seed=1), "extra": tensor("Q6_K", 2, 256)}
    assert fork.read(NAME) == gguf_bytes(expected, METADATA | {"author": "x"})
    assert fork.status() == ""
    fork.theta("fsck")


def test_floats_are_averaged_and_blocks_are_not(fork: Repo) -> None:
    def with_norm(number: float, seed: int) -> dict[str, GgufTensor]:
        return {
            **BASE,
            "norm": ("F32", (64,), np.full(64, number, "<f4").tobytes()),
            "blk.1.weight": tensor("Q8_0", 64, 64, seed=seed),
        }

    change(fork, "side", with_norm(2, 1))
    fork.git("checkout", "-q", "main")
    change(fork, "main", with_norm(4, 2))
    said = fork.run("git", "merge", "-m", "merged", "side", ok=False)
    assert said.returncode == 1
    assert "Q8_0 values aren't averaged" in said.stdout + said.stderr
    fork.theta("resolve", NAME, "-s", "theirs", "--param", "blk.*")
    assert fork.read(NAME) == gguf_bytes(with_norm(3, 1), METADATA)
