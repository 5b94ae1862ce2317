"""Packed values (4-bit floats and the like) with real Git: split, stored as updates, and never averaged."""

from __future__ import annotations

import json
import struct
from random import Random

import numpy as np
import pytest

import git_theta
from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.repo import Repo

NAME = "m.safetensors"

#: Dtype, shape and bytes of each tensor.
TENSORS = {
    "a": ("F4", [256, 512], 1 << 16),
    "b": ("F6_E2M3", [64, 64], 3 << 10),
    "c": ("F6_E3M2", [2, 6, 4], 36),
    "small.0": ("F4", [2, 3], 3),
    "small.1": ("F4", [4, 400], 800),
    "w": ("F32", [64, 64], 1 << 14),
}


def model(**changes: int) -> bytes:
    """A checkpoint of random bytes; a change gives the first bytes of a tensor this value."""
    header, body = {}, bytearray()
    for name, (dtype, shape, nbytes) in TENSORS.items():
        data = bytearray(Random(name).randbytes(nbytes))
        if name == "w":
            data[:] = np.random.default_rng(1).normal(size=nbytes // 4).astype("<f4").tobytes()
        if name in changes:
            data[: 1 + nbytes // 100] = bytes([changes[name]]) * (1 + nbytes // 100)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + nbytes]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def manifest(repo: Repo) -> Manifest:
    return parse_manifest(repo.git("cat-file", "-p", f":{NAME}").encode())


@pytest.fixture
def fork(repo: Repo) -> Repo:
    """A repository with a model, on the branch `main`."""
    repo.write(NAME, model())
    repo.commit()
    repo.git("branch", "-M", "main")
    return repo


def change(repo: Repo, branch: str, **changes: int) -> None:
    repo.git("checkout", "-q", "-B", branch)
    repo.write(NAME, model(**changes))
    repo.commit()


def test_a_change_costs_a_change(fork: Repo) -> None:
    assert manifest(fork).format == "safetensors"
    entries = manifest(fork).by_name
    assert [entries[name].spec.dtype for name in TENSORS] == [dtype for dtype, _, _ in TENSORS.values()]
    change(fork, "main", a=1, b=2, **{"small.0": 3, "small.1": 4})
    assert manifest(fork).by_name["a"].source.update != "dense"
    for data, rev in ((model(a=1, b=2, **{"small.0": 3, "small.1": 4}), "HEAD"), (model(), "HEAD~1")):
        fork.git("checkout", "-q", rev)
        assert fork.read(NAME) == data
    fork.theta("fsck")


def test_what_commands_say(fork: Repo) -> None:
    change(fork, "main", a=1, w=2)
    assert "F4" in fork.theta("show", NAME)
    assert "131,072" in fork.theta("show", NAME, "--param", "a")
    assert "packed, 4 elements in 3 bytes: no statistics" in fork.theta("show", NAME, "--param", "b")
    found = json.loads(fork.theta("show", NAME, "--param", "a", "--json"))
    assert (found["dtype"], found["shape"], found["size"]) == ("F4", [256, 512], 1 << 16)
    fork.theta("show", NAME, "--param", "c", "--values")
    told = fork.theta("diff", "HEAD~1", "HEAD", "--stat-values")
    assert "of the old norm" in told
    assert "values of F4 are packed" not in told
    fork.theta("diff", "HEAD~1", "HEAD", "--html", "page.html")


@pytest.mark.parametrize("framework", ["numpy", "torch"])
def test_arrays_of_bytes(fork: Repo, framework: str) -> None:
    pytest.importorskip(framework)
    found = git_theta.load(fork.path / NAME, framework=framework)
    assert (tuple(found["a"].shape), str(found["a"].dtype).split(".")[-1]) == ((256, 256), "uint8")
    assert (tuple(found["b"].shape), tuple(found["small.0"].shape)) == ((64, 48), (3,))


def test_changes_of_other_tensors_are_merged(fork: Repo) -> None:
    change(fork, "side", a=1, w=2)
    fork.git("checkout", "-q", "main")
    change(fork, "main", b=5)
    fork.git("merge", "-q", "-m", "merged", "side")
    assert fork.read(NAME) == model(a=1, w=2, b=5)
    assert fork.status() == ""


def test_changes_of_one_tensor_are_a_conflict(fork: Repo) -> None:
    change(fork, "side", a=1)
    fork.git("checkout", "-q", "main")
    change(fork, "main", a=2)
    said = fork.run("git", "merge", "-m", "merged", "side", ok=False)
    assert said.returncode == 1
    assert "F4 values aren't averaged" in said.stdout + said.stderr
    fork.theta("resolve", NAME, "-s", "average", ok=False)
    assert NAME in fork.git("diff", "--name-only", "--diff-filter=U")
    fork.theta("resolve", NAME, "-s", "theirs")
    assert fork.read(NAME) == model(a=1)
