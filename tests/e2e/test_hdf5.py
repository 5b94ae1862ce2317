"""HDF5 files with real Git: split, shared with other formats, merged, and always the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from git_theta.model.manifest import Manifest
from git_theta.model.manifest_text import parse_manifest
from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.hdf5_files import hdf5_bytes
from tests.helpers.repo import Repo

h5py = pytest.importorskip("h5py")

NAME = "m.weights.h5"
WEIGHTS = np.random.default_rng(3).normal(0, 0.02, (64, 48)).astype("f4")
BASE = {"layers/dense/vars/0": WEIGHTS, "layers/dense/vars/1": np.zeros(48, "f4")}


def weights(arrays: Mapping[str, np.ndarray]) -> bytes:
    def fill(file: Any) -> None:
        for name, array in arrays.items():
            file[name] = array
        file.attrs["keras_version"] = "3.15.1"

    return hdf5_bytes(fill)


def manifest(repo: Repo, name: str = NAME) -> Manifest:
    return parse_manifest(repo.git("cat-file", "-p", f":{name}").encode())


def change(repo: Repo, branch: str, arrays: Mapping[str, np.ndarray]) -> bytes:
    data = weights(arrays)
    repo.git("checkout", "-q", "-B", branch)
    repo.write(NAME, data)
    repo.commit()
    return data


@pytest.fixture
def fork(repo: Repo) -> Repo:
    """A repository with a model, on the branch `main`."""
    repo.theta("track", "*.h5", "*.safetensors")
    change(repo, "main", BASE)
    return repo


def test_values_are_shared_with_other_formats(fork: Repo) -> None:
    data = fork.read(NAME)
    fork.write("m.safetensors", safetensors_bytes({"kernel": WEIGHTS}))
    fork.commit()
    entries = manifest(fork).by_name
    (shared,) = manifest(fork, "m.safetensors").entries
    assert (manifest(fork).format, list(entries)) == ("hdf5", list(BASE))
    assert entries["layers/dense/vars/0"].source == shared.source
    (fork.path / NAME).unlink()
    fork.git("checkout", "-q", "--", NAME)
    assert fork.read(NAME) == data
    assert fork.status() == ""


def test_tensors_that_sides_change(fork: Repo) -> None:
    change(fork, "side", {**BASE, "layers/dense/vars/1": np.ones(48, "f4")})
    fork.git("checkout", "-q", "main")
    change(fork, "main", {**BASE, "layers/dense/vars/0": WEIGHTS * 2})
    fork.git("merge", "-q", "-m", "merged", "side")
    assert fork.read(NAME) == weights(
        {"layers/dense/vars/0": WEIGHTS * 2, "layers/dense/vars/1": np.ones(48, "f4")}
    )
    with h5py.File(io.BytesIO(fork.read(NAME))) as file:
        assert np.array_equal(file["layers/dense/vars/0"], WEIGHTS * 2)
    fork.theta("fsck")


def test_compressed_chunks_that_change_cost_their_change(fork: Repo) -> None:
    random = np.random.default_rng(0)
    array = random.normal(0, 1, (96, 96)).astype("f4")

    def packed(file: Any) -> None:
        file.create_dataset("w", data=array, chunks=(96, 96), compression="gzip", shuffle=True)

    fork.write("packed.h5", hdf5_bytes(packed))
    fork.commit()
    array[3, :7] += 1
    data = hdf5_bytes(packed)
    fork.write("packed.h5", data)
    fork.commit()
    (entry,) = manifest(fork, "packed.h5").entries
    assert (entry.name, entry.spec.dtype, entry.source.update) == ("w", "U8", "deflated")
    (fork.path / "packed.h5").unlink()
    fork.git("checkout", "-q", "--", "packed.h5")
    assert fork.read("packed.h5") == data
