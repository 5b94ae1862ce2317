"""Write tensors as the safetensors library does: by dtype, then by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, BinaryIO

from git_theta.legacy.metadata import KeyPath, LegacyError
from git_theta.legacy.values import LegacyValue

if TYPE_CHECKING:
    from git_theta.model.tensor import TensorSpec

_ALIGNMENT = 8

_ORDER = ("U64", "I64", "F64", "C64", "F32", "U32", "I32", "F16", "U16", "I16", "I8", "U8", "BOOL")


def write_safetensors(values: Mapping[KeyPath, LegacyValue], file: BinaryIO) -> None:
    """Write a safetensors file. It has no metadata, as git-theta 0.2 didn't keep any.

    Raises:
        LegacyError: A dtype isn't safetensors', or names are nested.
        ThetaError: A value can't be read.
    """
    specs = sorted(
        ((_key(path), value.spec(), value) for path, value in values.items()),
        key=lambda item: (_rank(item[1]), item[0].encode("utf-8")),
    )
    header, end = {}, 0
    for name, spec, _ in specs:
        start, end = end, end + spec.nbytes
        header[name] = {"dtype": spec.dtype, "shape": spec.shape, "data_offsets": [start, end]}
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    file.write(len(text).to_bytes(8, "little") + text)
    for _, _, value in specs:
        file.write(value.read().tobytes())


def _key(path: KeyPath) -> str:
    if len(path) != 1 or path[0] == "__metadata__":
        raise LegacyError(f"a safetensors file has no tensors called {'/'.join(path)[:80]!r}")
    return path[0]


def _rank(spec: TensorSpec) -> int:
    if spec.dtype not in _ORDER:
        raise LegacyError(f"safetensors has no dtype {spec.dtype}")
    return _ORDER.index(spec.dtype)
