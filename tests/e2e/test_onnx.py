"""ONNX models with real Git: split, shared with other formats, merged, and always the same bytes."""

from __future__ import annotations

import os

import numpy as np
import pytest

from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.onnx_files import external, floats, graph, model, node, tensor
from tests.helpers.repo import Repo

NAME = "m.onnx"
WEIGHTS = np.random.default_rng(3).normal(0, 0.02, (300, 256)).astype("f4")
GEMM = node("MatMul", "x layer.weight", "h")
RELU = node("Relu", "h", "y")


def network(
    *more: bytes,
    scale: float = 1,
    bias: float = 0,
    author: str = "a",
    nodes: tuple[bytes, ...] = (GEMM, RELU),
) -> bytes:
    weight = tensor("layer.weight", "F32", WEIGHTS.shape, (WEIGHTS * np.float32(scale)).tobytes())
    weights = [weight, floats("layer.bias", *[bias] * 256), *more]
    return model(graph(nodes, weights, "x", "y"), {"author": author})


def manifest(repo: Repo, name: str = NAME) -> Manifest:
    return parse_manifest(repo.git("cat-file", "-p", f":{name}").encode())


def change(repo: Repo, branch: str, data: bytes) -> None:
    repo.git("checkout", "-q", "-B", branch)
    repo.write(NAME, data)
    repo.commit()


@pytest.fixture
def fork(repo: Repo) -> Repo:
    """A repository with a model, on the branch `main`."""
    repo.theta("track", "*.onnx")
    change(repo, "main", network())
    return repo


def test_an_export_shares_the_values(repo: Repo) -> None:
    repo.theta("track", "*.safetensors", "*.onnx")
    repo.write("m.safetensors", safetensors_bytes({"layer.weight": WEIGHTS}))
    repo.commit()
    change(repo, "main", network())
    (shared,) = manifest(repo, "m.safetensors").entries
    assert manifest(repo).by_name["layer.weight"].source == shared.source
    repo.git("rm", "-q", "--cached", NAME)
    repo.git("reset", "-q", "--hard")
    assert repo.read(NAME) == network()
    assert "onnx" in repo.theta("show", NAME)


def test_layers_and_values_of_both_sides(fork: Repo) -> None:
    longer = (GEMM, node("Add", "h extra", "k"), RELU)
    change(fork, "side", network(floats("extra", 5), author="b", nodes=longer))
    fork.git("checkout", "-q", "main")
    change(fork, "main", network(bias=2))
    fork.git("merge", "-q", "-m", "merged", "side")
    assert fork.read(NAME) == network(floats("extra", 5), bias=2, author="b", nodes=longer)
    assert fork.status() == ""
    fork.theta("fsck")


def test_a_node_that_both_sides_change_is_a_conflict(fork: Repo) -> None:
    change(fork, "side", network(nodes=(GEMM, node("Tanh", "h", "y"))))
    assert "graph/node/y" in fork.git("diff", "main", "side")
    fork.git("checkout", "-q", "main")
    change(fork, "main", network(nodes=(GEMM, node("Sigmoid", "h", "y")), bias=1))
    said = fork.run("git", "merge", "-m", "merged", "side", ok=False)
    assert said.returncode == 1
    assert "graph/node/y" in said.stdout + said.stderr
    fork.theta("resolve", NAME, "-s", "theirs", "--param", "graph/node/*")
    assert fork.read(NAME) == network(nodes=(GEMM, node("Tanh", "h", "y")), bias=1)


DATA = "m.onnx.data"


def with_data(*added: np.ndarray, scale: float = 1, bias: float = 0) -> dict[str, bytes]:
    """A model and its data file, with the tensors aligned."""
    arrays = {"layer.weight": WEIGHTS * np.float32(scale), "layer.bias": np.full(256, bias, "f4")}
    arrays |= {f"added.{index}": array for index, array in enumerate(added)}
    tensors, data = [], b""
    for name, array in arrays.items():
        data += bytes(-len(data) % 4096)
        tensors.append(external(name, array.shape, location=DATA, offset=len(data), length=array.nbytes))
        data += array.tobytes()
    return {NAME: model(graph((GEMM, RELU), tensors, "x", "y")), DATA: data}


def store(repo: Repo, files: dict[str, bytes], branch: str = "main") -> None:
    repo.git("checkout", "-q", "-B", branch)
    for name, data in files.items():
        repo.write(name, data)
    repo.commit()


@pytest.fixture
def pair(repo: Repo) -> Repo:
    """A repository with a model and its data file, on the branch `main`."""
    repo.theta("track", "*.onnx", "*.data", "*.safetensors")
    repo.write("m.safetensors", safetensors_bytes({"layer.weight": WEIGHTS}))
    store(repo, with_data())
    return repo


def test_a_data_file_has_the_parameters_of_its_model(pair: Repo) -> None:
    entries = manifest(pair, DATA).by_name
    assert list(entries) == ["layer.bias", "layer.weight"]
    (shared,) = manifest(pair, "m.safetensors").entries
    assert entries["layer.weight"].source == shared.source
    for name, data in with_data().items():
        (pair.path / name).unlink()
        pair.git("checkout", "-q", "--", name)
        assert pair.read(name) == data


def test_a_data_file_stays_as_it_is_without_its_model(pair: Repo) -> None:
    (pair.path / NAME).unlink()
    os.utime(pair.path / DATA, ns=(1, 1))
    assert pair.git("status", "--porcelain", "--", DATA) == ""
    pair.write(DATA, with_data(bias=3)[DATA])
    pair.git("add", DATA)
    assert list(manifest(pair, DATA).by_name) == ["layer.bias", "layer.weight"]


@pytest.mark.slow
def test_a_data_file_that_was_there_before_its_model(repo: Repo) -> None:
    repo.theta("track", "*.onnx", "*.data")
    store(repo, {DATA: with_data()[DATA]})
    assert manifest(repo, DATA).format == "opaque"
    repo.write(NAME, with_data()[NAME])
    os.utime(repo.path / DATA, ns=(1, 1))
    assert repo.git("status", "--porcelain", "--", DATA) == ""


def test_merges_of_models_with_data_files(pair: Repo) -> None:
    store(pair, with_data(np.ones(5, "f4"), bias=2), "side")
    pair.git("checkout", "-q", "main")
    store(pair, with_data(scale=2))
    pair.git("merge", "-q", "-m", "merged", "side")
    for name, data in with_data(np.ones(5, "f4"), scale=2, bias=2).items():
        assert pair.read(name) == data
    assert pair.status() == ""
    assert "added.0" in pair.theta("show", DATA)


def quantised(seed: int, scale: float) -> bytes:
    codes = np.random.default_rng(seed).integers(-127, 127, (64, 64)).astype("i1")
    weights = [
        tensor("w_quantized", "I8", codes.shape, codes.tobytes()),
        tensor("w_scale", "F32", (), np.float32(scale).tobytes()),
        tensor("w_zero_point", "I8", (), b"\0"),
    ]
    nodes = [node("DequantizeLinear", "w_quantized w_scale w_zero_point", "w"), node("MatMul", "x w", "y")]
    return model(graph(nodes, weights, "x", "y"))


@pytest.mark.slow
def test_codes_and_their_scales_are_from_one_side(fork: Repo) -> None:
    change(fork, "main", quantised(0, 1))
    change(fork, "side", quantised(1, 2))
    fork.git("checkout", "-q", "main")
    change(fork, "main", quantised(2, 3))
    assert fork.run("git", "merge", "-m", "merged", "side", ok=False).returncode == 1
    fork.theta("resolve", NAME, "-s", "theirs", "--param", "w_quantized")
    assert fork.read(NAME) == quantised(1, 2)
