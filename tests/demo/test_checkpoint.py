from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from git_theta.demo.checkpoint import load_params, save_params
from git_theta.demo.train import initial


def test_a_saved_checkpoint_loads(tmp_path: Path) -> None:
    params = initial()
    save_params(tmp_path / "model.safetensors", params)
    loaded = load_params(tmp_path / "model.safetensors")
    assert list(loaded) == list(params)
    assert all(np.array_equal(loaded[name], params[name]) for name in params)


def test_safetensors_reads_a_saved_checkpoint(tmp_path: Path) -> None:
    reader = pytest.importorskip("safetensors.numpy")
    params = initial()
    save_params(tmp_path / "model.safetensors", params)
    loaded = reader.load_file(tmp_path / "model.safetensors")
    assert all(np.array_equal(loaded[name], params[name]) for name in params)
