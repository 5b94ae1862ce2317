"""A base and fine-tunes of it for the tests of lineages, which differ in some matrices."""

from __future__ import annotations

import numpy as np

from tests.helpers.checkpoints import safetensors_bytes

BASE, SST, MNLI = (f"{name}/model.safetensors" for name in ("base", "sst2", "mnli"))

#: The lineage record of a fine-tune.
RECORD = f".theta/lineage/{SST}.toml"


def weights(*changed: int) -> bytes:
    """A file of four matrices.

    Args:
        changed: Numbers of matrices that differ from the base's; one that's given twice differs more.
    """
    arrays = {}
    for layer in range(4):
        values = np.random.default_rng(layer).standard_normal((16, 16)).astype("f4")
        arrays[f"l.{layer}"] = values * np.float32(1 + 0.01 * changed.count(layer))
    return safetensors_bytes(arrays)
