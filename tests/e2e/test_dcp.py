"""Distributed checkpoints with real Git: names from `.metadata`, which may come and go."""

from __future__ import annotations

import os

import numpy as np
import pytest

from git_theta.model.manifest_text import parse_manifest
from tests.helpers.dcp import data_file, item, metadata, plain_item
from tests.helpers.repo import Repo

NAME = "ckpt/__0_0.distcp"
WEIGHTS = np.random.default_rng(3).normal(0, 0.02, (40, 30)).astype("f4")


def saved(weights: np.ndarray = WEIGHTS) -> tuple[bytes, bytes]:
    """A data file and its description."""
    tensors = [("model.w", (0, 0), item(weights)), ("model.b", (0,), item(np.ones(5)))]
    data, chunks = data_file("__0_0.distcp", [("epoch", None, plain_item(3)), *tensors])
    return data, metadata(chunks)


def names(repo: Repo) -> list[str]:
    manifest = parse_manifest(repo.git("cat-file", "-p", f":{NAME}").encode())
    return [entry.name for entry in manifest.entries]


def touch(repo: Repo) -> None:
    """Make Git read the file again."""
    os.utime(repo.path / NAME, ns=(1, 1))


@pytest.fixture
def checkpoint(repo: Repo) -> Repo:
    repo.theta("track", "*.distcp")
    data, described = saved()
    repo.write("ckpt/.metadata", described)
    repo.write(NAME, data)
    repo.commit()
    return repo


def test_names_come_from_the_metadata(checkpoint: Repo) -> None:
    assert names(checkpoint) == ["model.b", "model.w"]
    checkpoint.write(NAME, saved(WEIGHTS + 1)[0])
    assert "model.w" in checkpoint.theta("diff", "--stat-values")
    assert "model.w" in checkpoint.theta("status")
    checkpoint.commit()
    (checkpoint.path / NAME).unlink()
    checkpoint.git("checkout", "-q", "--", NAME)
    assert checkpoint.read(NAME) == saved(WEIGHTS + 1)[0]


def test_names_stay_when_the_metadata_goes(checkpoint: Repo) -> None:
    (checkpoint.path / "ckpt/.metadata").unlink()
    touch(checkpoint)
    assert checkpoint.git("status", "--porcelain", "--", NAME) == ""
    checkpoint.write(NAME, saved(WEIGHTS + 1)[0])
    checkpoint.git("add", NAME)
    assert names(checkpoint) == ["model.b", "model.w"]


def test_an_unchanged_file_stays_so_when_the_metadata_comes(repo: Repo) -> None:
    repo.theta("track", "*.distcp")
    data, described = saved()
    repo.write(NAME, data)
    repo.commit()
    assert names(repo) == ["1", "2"]
    repo.write("ckpt/.metadata", described)
    touch(repo)
    assert repo.git("status", "--porcelain", "--", NAME) == ""
    repo.write(NAME, saved(WEIGHTS + 1)[0])
    repo.git("add", NAME)
    assert names(repo) == ["model.b", "model.w"]
