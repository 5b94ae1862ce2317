"""Names of parts of arrays: `w[0:32,0:256]` is a chunk of an HDF5 dataset, or of a sharded tensor."""

from __future__ import annotations

import re
from math import prod
from typing import Final

from git_theta.model.tensor import TensorSpec

_PART: Final = re.compile(r"\[(\d{1,19}:\d{1,19}(?:,\d{1,19}:\d{1,19})*)\]\Z")


def is_compressed_part(name: str, spec: TensorSpec) -> bool:
    """Whether a parameter is a compressed part of an array: bytes, of another number than its elements.

    Args:
        name: Name of the parameter.
        spec: Its dtype and shape.
    """
    part = _PART.search(name) if spec.dtype == "U8" and len(spec.shape) == 1 else None
    if part is None:
        return False
    bounds = (each.split(":") for each in part[1].split(","))
    return spec.count != prod(int(stop) - int(start) for start, stop in bounds)
