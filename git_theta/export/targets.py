"""Formats to export to, by the names that users give."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from git_theta.errors import UsageError
from git_theta.formats.base import ComposeError
from git_theta.formats.compose import Composed, create_file
from git_theta.model.tensor import TensorSpec

#: Name of a target → name of the format.
TARGETS: Final[Mapping[str, str]] = MappingProxyType(
    {"safetensors": "safetensors", "pt": "pytorch", "npz": "npz", "gguf": "gguf"}
)

#: End of a file's name → name of the target.
_SUFFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".safetensors": "safetensors",
        ".pt": "pt",
        ".pth": "pt",
        ".bin": "pt",
        ".ckpt": "pt",
        ".npz": "npz",
        ".gguf": "gguf",
    }
)

#: Targets whose models may have several files with an index, as Hugging Face's libraries write them.
SHARDED: Final = frozenset(("safetensors", "pt"))


def target_of(suffix: str) -> str:
    """The target for a file whose name ends like this.

    Raises:
        UsageError: No target has such names.
    """
    found = _SUFFIXES.get(suffix)
    if found is None:
        raise UsageError(f"which format is a file named *{suffix}?", f"name it: --to {'|'.join(TARGETS)}")
    return found


def new_file(target: str, specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]) -> Composed:
    """A new file with room for these tensors.

    Args:
        target: A key of `TARGETS`.
        specs: Dtype and shape of each tensor, in order.
        metadata: Texts for the file, where the format has a place for them.

    Raises:
        UsageError: The format can't have one of the tensors.
    """
    try:
        return create_file(TARGETS[target], specs, metadata)
    except ComposeError as error:
        raise UsageError(
            f"a file of {target} can't have these tensors: {error.message}",
            "choose parameters with --params, or another format with --to",
        ) from error
