"""Three versions of one small checkpoint: the history on which the reporting commands are tested."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.helpers.checkpoints import safetensors_bytes

#: In a folder, with a space and a letter outside ASCII.
NAME = "my models/größe.safetensors"

_RANDOM = np.random.default_rng(7)
WEIGHTS = {
    "big": _RANDOM.normal(size=(700, 600)).astype(np.float32),
    "small": _RANDOM.normal(size=(40, 3)).astype(np.float32),
    "steps": np.array(7, np.int64),
}
TUNED = {**WEIGHTS, "small": WEIGHTS["small"] + 1}
GROWN = {**TUNED, "new": np.zeros((5, 5), np.float16)}

FIRST, SECOND, THIRD = map(safetensors_bytes, (WEIGHTS, TUNED, GROWN))

#: Runs a command with `--json` and returns what it prints, decoded.
Json = Callable[..., Any]
