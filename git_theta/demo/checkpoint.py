"""Float32 parameters as a safetensors file, written by hand so that the demo needs no extra."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from git_theta.demo.data import Array

_ALIGNMENT = 8


def save_params(path: Path, params: Mapping[str, Array]) -> None:
    """Write float32 arrays in the order of the mapping."""
    header: dict[str, object] = {"__metadata__": {"format": "np"}}
    end = 0
    for name, value in params.items():
        start, end = end, end + value.nbytes
        header[name] = {"dtype": "F32", "shape": value.shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for value in params.values():
            file.write(value.astype("<f4", order="C").tobytes())


def load_params(path: Path) -> dict[str, Array]:
    """Read a file that `save_params` wrote.

    Raises:
        ValueError: The file is cut short.
    """
    import numpy as np

    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    return {
        name: np.frombuffer(data[start:], "<f4", (to - begin) // 4, begin).reshape(field["shape"]).copy()
        for name, field in header.items()
        if name != "__metadata__"
        for begin, to in [field["data_offsets"]]
    }
