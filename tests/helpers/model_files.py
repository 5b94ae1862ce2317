"""Two versions of a small model, which differ in one parameter."""

from __future__ import annotations

import numpy as np

from tests.helpers.checkpoints import safetensors_bytes

NAME = "model.safetensors"
FIRST = safetensors_bytes({"bias": np.zeros(8, "f4"), "weight": np.arange(512, dtype="f4")})
SECOND = safetensors_bytes({"bias": np.ones(8, "f4"), "weight": np.arange(512, dtype="f4")})
