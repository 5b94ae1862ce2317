"""A SavedModel's variables with real Git: the index beside them names the tensors."""

from __future__ import annotations

import numpy as np

from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.bundle_files import BundleTensor, bundle
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

DATA, INDEX = "variables/variables.data-00000-of-00001", "variables/variables.index"
WEIGHTS = np.random.default_rng(3).normal(0, 0.02, (64, 48)).astype("f4")


def tensors(weights: np.ndarray, bias: int) -> dict[str, BundleTensor]:
    return {
        "kernel": BundleTensor("F32", (64, 48), weights.tobytes()),
        "bias": BundleTensor.of("F32", 48, fill=bias),
    }


def manifest(repo: Repo, name: str = DATA) -> Manifest:
    return parse_manifest(repo.git("cat-file", "-p", f":{name}").encode())


def change(repo: Repo, weights: np.ndarray, bias: int) -> bytes:
    index, (data,) = bundle(tensors(weights, bias))
    repo.write(INDEX, index)
    repo.write(DATA, data)
    repo.commit()
    return data


def test_variables_of_a_saved_model(repo: Repo) -> None:
    repo.theta("track", "*.data-*", "*.safetensors")
    data = change(repo, WEIGHTS, 1)
    repo.write("m.safetensors", safetensors_bytes({"w": WEIGHTS}))
    repo.commit()
    entries = manifest(repo).by_name
    assert (manifest(repo).format, set(entries)) == ("tensorflow", {"kernel", "bias"})
    assert entries["kernel"].source == manifest(repo, "m.safetensors").entries[0].source
    (repo.path / DATA).unlink()
    (repo.path / INDEX).unlink()
    repo.git("checkout", "-q", "--", DATA)
    assert repo.read(DATA) == data
    # Without its index, the unchanged file is as it was.
    (repo.path / DATA).touch()
    assert repo.git("status", "--porcelain", DATA) == ""


def test_values_that_both_sides_changed(repo: Repo) -> None:
    repo.theta("track", "*.data-*")
    change(repo, WEIGHTS, 1)
    repo.git("checkout", "-q", "-b", "side")
    change(repo, WEIGHTS, 2)
    repo.git("checkout", "-q", "-")
    change(repo, WEIGHTS * 2, 1)
    repo.git("merge", "-q", "-m", "merged", "side")
    assert repo.read(DATA) == bundle(tensors(WEIGHTS * 2, 2))[1][0]
