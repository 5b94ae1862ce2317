"""safetensors: eight bytes of header length, a JSON header, then the tensors' bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from git_theta.errors import FormatError
from git_theta.formats.base import Located, Tensor
from git_theta.formats.safetensors.header import (
    MAX_HEADER,
    METADATA,
    header_end,
    read_header,
    read_metadata,
)
from git_theta.model.tensor import TensorSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from git_theta.formats.base import FileDraft, FileVersion, Prefer


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
        """Read the header; tensors may be in any order and with gaps, but inside the file and apart."""
        begin = header_end(data)
        header = read_header(data)
        tensors = [
            _tensor(name, value, begin, len(data)) for name, value in header.items() if name != METADATA
        ]
        tensors.sort(key=lambda tensor: (tensor.offset, tensor.spec.nbytes))
        end = begin
        for tensor in tensors:
            if tensor.offset < end:
                raise FormatError(f"tensor {tensor.name!r} overlaps another one")
            end = tensor.offset + tensor.spec.nbytes
        return Located(tuple(tensors))

    def scalars(self, data: memoryview) -> Iterator[tuple[str, str]]:
        """The metadata by key."""
        for key, value in (read_metadata(read_header(data)) or {}).items():
            yield f"{METADATA}/{key}", repr(value)

    def create(self, specs: Mapping[str, TensorSpec], metadata: Mapping[str, str]) -> memoryview:
        """A header, and room for the tensors, in the order of the format's own library."""
        from git_theta.formats.safetensors.compose import new_safetensors

        return new_safetensors(specs, metadata or None)

    def compose(
        self,
        base: FileVersion | None,
        sides: Sequence[FileVersion],
        wanted: Mapping[str, TensorSpec],
        prefer: Prefer,
    ) -> FileDraft:
        """Merge the metadata by key, and write a new header."""
        from git_theta.formats.check_versions import check_versions
        from git_theta.formats.safetensors.compose import compose_safetensors

        check_versions(self, base, sides)
        return compose_safetensors(base, sides, wanted, prefer)


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
        raise FormatError(f"tensor {name!r} has bytes {start} to {end}, which don't fit its shape or file")
    return Tensor(name, spec, begin + start)
