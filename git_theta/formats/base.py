"""What a format plugin is: it recognises a file by its bytes and says where its tensors lie.

A format never copies, decodes or rebuilds anything. It answers with offsets; splitting the file
into a layout and parameters, and joining them again, is the same for every format.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from git_theta.model.layout import Checksum
from git_theta.model.tensor import TensorSpec


@dataclass(frozen=True, slots=True)
class Tensor:
    """A named tensor somewhere in a file.

    Attributes:
        name: Path of keys joined by `/`, unique within the file.
        spec: Dtype and shape of the logical value.
        offset: Position in the file of the element whose indices are all zero, in bytes.
        strides: Byte strides, one per dimension; `None` for a C-contiguous tensor.
        big_endian: The elements are stored most significant byte first.
    """

    name: str
    spec: TensorSpec
    offset: int
    strides: tuple[int, ...] | None = None
    big_endian: bool = False


@dataclass(frozen=True, slots=True)
class Located:
    """What a format found: tensors, and fields that are computed from other bytes of the file."""

    tensors: tuple[Tensor, ...]
    checksums: tuple[Checksum, ...] = ()


class Format(Protocol):
    """A checkpoint format. Stateless: one instance serves every file and thread."""

    name: str

    def matches(self, data: memoryview) -> bool:
        """Whether the bytes look like this format, from a few bytes only; never raises."""
        ...

    def locate(self, data: memoryview) -> Located:
        """Find every tensor.

        Args:
            data: The whole file, usually a memory map: read as little of it as possible.

        Raises:
            FormatError: The file is damaged or isn't of this format after all. The caller then
                keeps it as an opaque file, so that nothing is ever lost.
        """
        ...
