"""safetensors: eight bytes of header length, a JSON header, then the tensors' bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from git_theta.errors import FormatError
from git_theta.formats.base import Draft, Located, Prefer, Tensor, Version
from git_theta.model.tensor import TensorSpec

#: The limit that the format's own library sets.
MAX_HEADER = 100_000_000


class Safetensors:
    """The format of https://github.com/huggingface/safetensors#format."""

    name = "safetensors"

    def matches(self, data: memoryview) -> bool:
        """A plausible header length, then a JSON object."""
        if len(data) < 10:
            return False
        length = int.from_bytes(data[:8], "little")
        return 2 <= length <= min(MAX_HEADER, len(data) - 8) and data[8] == ord("{")

    def locate(self, data: memoryview) -> Located:
        """Read the header; tensors may be in any order, with gaps, but inside the file and apart."""
        begin = 8 + int.from_bytes(data[:8], "little")
        header = read_header(data)
        tensors = [
            _tensor(name, value, begin, len(data)) for name, value in header.items() if name != "__metadata__"
        ]
        tensors.sort(key=lambda tensor: (tensor.offset, tensor.spec.nbytes))
        end = begin
        for tensor in tensors:
            if tensor.offset < end:
                raise FormatError(f"tensor {tensor.name!r} overlaps another one")
            end = tensor.offset + tensor.spec.nbytes
        return Located(tuple(tensors))

    def compose(
        self, base: Version | None, sides: Sequence[Version], wanted: Mapping[str, TensorSpec], prefer: Prefer
    ) -> Draft:
        """Merge the metadata by key, and write a new header."""
        from git_theta.formats.safetensors.compose import compose

        for version in (*sides, *((base,) if base else ())):
            self.locate(version.skeleton)
        return compose(base, sides, wanted, prefer)


def read_header(data: memoryview) -> dict[str, Any]:
    """The JSON object at the start of a file.

    Raises:
        FormatError: It isn't one.
    """
    end = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(bytes(data[8:end]).decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the safetensors header isn't valid JSON: {error}") from error
    if not isinstance(header, dict):
        raise FormatError("the safetensors header isn't a JSON object")
    return header


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is repeated")
    return found


def _tensor(name: str, value: Any, begin: int, size: int) -> Tensor:
    try:
        start, end = value["data_offsets"]
        shape = value["shape"]
        if not all(type(number) is int for number in (start, end, *shape)):
            raise ValueError("a position isn't a whole number")
        spec = TensorSpec(value["dtype"], tuple(shape))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"tensor {name!r} is described wrongly: {error}") from error
    if not name or start < 0 or end - start != spec.nbytes or begin + end > size:
        raise FormatError(f"tensor {name!r} claims bytes {start} to {end}, which can't be")
    return Tensor(name, spec, begin + start)
