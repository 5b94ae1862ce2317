"""Files of NumPy's formats with real Git: shared with safetensors, changed, and merged."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.checkpoints import safetensors_bytes
from tests.helpers.repo import Repo

WEIGHT = np.random.default_rng(1).standard_normal((64, 512)).astype("f4")


@pytest.fixture
def repo(tracked: Repo, tmp_path: Path) -> Repo:
    repo = tracked.copy(tmp_path / "repo")
    repo.theta("track", "*.npz", "*.npy")
    return repo


def npz(**arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def stored(repo: Repo) -> int:
    folder = repo.path / ".git/theta/objects"
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_equal_arrays_are_stored_once_in_all_formats_and_orders(repo: Repo) -> None:
    repo.write("m.safetensors", safetensors_bytes({"w": WEIGHT}))
    repo.commit("safetensors")
    before = stored(repo)
    files = {
        "m.npz": npz(w=WEIGHT),
        "f.npz": npz(w=np.asfortranarray(WEIGHT)),
        "m.npy": npy(WEIGHT),
        "big.npy": npy(WEIGHT.astype(">f4")),
    }
    for name, data in files.items():
        repo.write(name, data)
    repo.commit("numpy")
    assert stored(repo) - before < 0.05 * WEIGHT.nbytes
    for name in files:
        (repo.path / name).unlink()
    repo.git("checkout", "--", ".")
    assert {name: repo.read(name) for name in files} == files


def test_branches_that_add_arrays_are_merged(repo: Repo) -> None:
    base = {"w": WEIGHT, "step": np.array(3)}
    repo.write("m.npz", npz(**base))
    repo.commit("base")
    repo.git("branch", "side")
    repo.write("m.npz", npz(**base, ours=WEIGHT[:2]))
    repo.commit("ours")
    repo.git("checkout", "-q", "side")
    repo.write("m.npz", npz(**{**base, "w": WEIGHT + 1}, theirs=np.asfortranarray(WEIGHT[:3])))
    repo.commit("theirs")
    repo.git("checkout", "-q", "-")
    repo.git("merge", "-q", "side")
    found = np.load(io.BytesIO(repo.read("m.npz")))
    assert sorted(found.files) == ["ours", "step", "theirs", "w"]
    assert np.array_equal(found["w"], WEIGHT + 1)
    assert np.array_equal(found["theirs"], WEIGHT[:3])
    assert repo.status() == ""
