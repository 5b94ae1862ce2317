"""Checkpoints of 50 kB that differ in every parameter, and the name that tests give to one."""

from __future__ import annotations

import numpy as np

from tests.helpers.checkpoints import safetensors_bytes


def model(seed: int, layers: int = 3) -> bytes:
    """A safetensors file of matrices of F32 [64, 64]."""
    random = np.random.default_rng(seed)
    return safetensors_bytes(
        {f"layer.{i}.weight": random.standard_normal((64, 64)).astype("f4") for i in range(layers)}
    )


A, B, C = model(1), model(2), model(3)
NAME = "m.safetensors"
