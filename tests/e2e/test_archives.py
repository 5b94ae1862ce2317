"""Archives of checkpoints with real Git: split, shared with the files in them, and always the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import numpy as np
import pytest

from git_theta.model.manifest_text import parse_manifest
from tests.helpers.pickled import archive, storage, tensor, whole
from tests.helpers.repo import Repo
from tests.helpers.tarred import tarred

WEIGHTS = np.random.default_rng(3).normal(0, 0.02, (300, 256)).astype("f4")


def checkpoint(weights: np.ndarray) -> bytes:
    tree = whole(tensor(storage("0", weights.size), weights.shape))
    return archive({"data.pkl": tree, "data/0": weights.tobytes()})


def nemo(weights: np.ndarray) -> bytes:
    return tarred({"./config.yaml": b"a: 1", "./w.ckpt": checkpoint(weights)})


def policy(weights: np.ndarray) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as outer:
        for name, data in {"data": b"{}", "w.ckpt": checkpoint(weights)}.items():
            outer.writestr(zipfile.ZipInfo(name), data)
    return made.getvalue()


@pytest.mark.parametrize("saved", [nemo, policy])
def test_a_file_in_an_archive(repo: Repo, saved: Callable[[np.ndarray], bytes]) -> None:
    repo.theta("track", "*.pt", "m.*")
    repo.write("a.pt", checkpoint(WEIGHTS))
    repo.write("m.bin", saved(WEIGHTS))
    repo.commit()
    manifest = parse_manifest(repo.git("cat-file", "-p", ":m.bin").encode())
    (shared,) = parse_manifest(repo.git("cat-file", "-p", ":a.pt").encode()).entries
    assert [(entry.name, entry.source) for entry in manifest.entries] == [("w.ckpt", shared.source)]
    tuned = WEIGHTS + np.float32(1)
    repo.git("checkout", "-q", "-b", "side")
    repo.write("m.bin", saved(tuned))
    repo.commit()
    repo.git("checkout", "-q", "main")
    assert repo.read("m.bin") == saved(WEIGHTS)
    repo.git("checkout", "-q", "side")
    assert repo.read("m.bin") == saved(tuned)
    assert repo.status() == ""
