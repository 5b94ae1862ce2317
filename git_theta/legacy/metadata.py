"""The JSON that git-theta 0.2 kept in Git in place of a checkpoint."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from git_theta.errors import FormatError
from git_theta.model.tensor import TensorSpec

_MAX_METADATA_BYTES = 1 << 28
_MAX_PARAMETERS = 300_000
_MAX_DEPTH = 64
_MAX_NAME = 4096

#: A dictionary with these keys describes a parameter; any other dictionary is a part of the model.
_TENSOR, _LFS, _THETA = "tensor_metadata", "lfs_metadata", "theta_metadata"

_SHAPE = re.compile(r"\((\d{1,19}(?:, \d{1,19})*,?)?\)", re.ASCII)
_OID = re.compile(r"[0-9a-f]{64}")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SIZE = re.compile(r"\d{1,19}", re.ASCII)

#: numpy's name of a dtype → ours.
DTYPES: Mapping[str, str] = {
    "bool": "BOOL",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
    "complex64": "C64",
    "complex128": "C128",
}

#: The keys that lead to a parameter; a single one in flat checkpoints.
KeyPath = tuple[str, ...]


class LegacyError(FormatError):
    """A file or an object of git-theta 0.2 can't be read."""


@dataclass(frozen=True, slots=True)
class LegacyParameter:
    """A parameter of one version.

    Attributes:
        spec: Dtype and shape of the file that was added.
        oid: SHA-256 of the Git LFS object that has the value, or the arrays of an update.
        size: Bytes of that object.
        update: Name of the update; `dense` if the object has the value itself.
        last_commit: The commit that `git add` found at HEAD, whose version of the parameter any other update
            applies to. Empty if there was none.
    """

    spec: TensorSpec
    oid: str
    size: int
    update: str
    last_commit: str


def is_metadata(data: bytes) -> bool:
    """Whether a file in Git is one that git-theta 0.2 wrote, with at least one parameter."""
    if not data.startswith(b"{") or b'"lfs_metadata"' not in data:
        return False
    try:
        return bool(parse_metadata(data))
    except LegacyError:
        return False


def parse_metadata(data: bytes) -> dict[KeyPath, LegacyParameter]:
    """The parameters that the file describes, in order.

    Raises:
        LegacyError: It isn't one that git-theta 0.2 wrote.
    """
    if len(data) > _MAX_METADATA_BYTES:
        raise LegacyError(f"metadata of {len(data)} bytes is larger than any real one")
    try:
        tree = json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
        if not isinstance(tree, dict):
            raise ValueError("it isn't a dictionary")
        found: dict[KeyPath, LegacyParameter] = {}
        for path, leaf in _leaves(tree, ()):
            found[path] = _parse_parameter(leaf)
            if len(found) > _MAX_PARAMETERS:
                raise ValueError(f"it has more than {_MAX_PARAMETERS} parameters")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise LegacyError(
            f"this isn't a metadata file of git-theta 0.2: {reason[:200]}",
            "it was merged or edited as text: convert another version",
        ) from error
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated")
    return found


def _leaves(tree: Mapping[str, Any], prefix: KeyPath) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    if len(prefix) > _MAX_DEPTH:
        raise ValueError(f"more than {_MAX_DEPTH} levels")
    for key, value in tree.items():
        path = (*prefix, key)
        if not isinstance(value, dict):
            raise ValueError(f"{key[:60]!r} isn't a dictionary")
        if not key or len(key.encode("utf-8")) > _MAX_NAME:
            raise ValueError("a name is empty or too long")
        if _LFS in value:
            yield path, value
        else:
            yield from _leaves(value, path)


def _parse_parameter(leaf: Mapping[str, Any]) -> LegacyParameter:
    if leaf.keys() != {_TENSOR, _LFS, _THETA}:
        raise ValueError("a parameter has other keys")
    tensor, lfs, theta = leaf[_TENSOR], leaf[_LFS], leaf[_THETA]
    commit, update = theta["last_commit"], theta["update_type"]
    if not isinstance(tensor["hash"], list) or not isinstance(lfs["version"], str):
        raise ValueError("a parameter is described wrongly")
    if not isinstance(update, str):
        raise ValueError("the kind of an update isn't a text")
    return LegacyParameter(
        _parse_spec(_matching(_SHAPE, tensor["shape"]), tensor["dtype"]),
        _matching(_OID, lfs["oid"]),
        int(_matching(_SIZE, lfs["size"])),
        update,
        "" if commit is None else _matching(_COMMIT, commit),
    )


def _parse_spec(shape: str, dtype: Any) -> TensorSpec:
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ValueError(f"dtype {dtype!r} isn't known")
    return TensorSpec(DTYPES[dtype], tuple(int(size) for size in shape[1:-1].split(",") if size))


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{str(value)[:80]!r} isn't what it should be")
    return value
