"""Small checkpoints for tests, written by hand so that no test needs a framework."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from ml_dtypes import bfloat16
from numpy.typing import NDArray

_NAMES = {
    "f2": "F16",
    "f4": "F32",
    "f8": "F64",
    "i1": "I8",
    "i4": "I32",
    "i8": "I64",
    "u1": "U8",
    "b1": "BOOL",
}


def safetensors_bytes(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str] | None = None) -> bytes:
    """A safetensors file of these arrays, in their order."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    body = []
    at = 0
    for name, array in arrays.items():
        data = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": _NAMES.get(array.dtype.str[1:], "BF16"),
            "shape": list(array.shape),
            "data_offsets": [at, at + len(data)],
        }
        body.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(body)


def safetensors_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a safetensors file of dtypes that numpy has, or of BF16."""
    size = int.from_bytes(data[:8], "little")
    dtypes: dict[str, Any] = {name: f"<{code}" for code, name in _NAMES.items()} | {"BF16": bfloat16}
    found = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name != "__metadata__":
            start, end = (8 + size + offset for offset in entry["data_offsets"])
            array = np.frombuffer(data[start:end], dtypes[entry["dtype"]])
            found[name] = array.reshape(entry["shape"])
    return found
