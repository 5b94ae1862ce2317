"""What an update plugin is: a way to write a value as a payload, and to get it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from git_theta.model.tensor import TensorSpec

#: The bytes of a value in consecutive pieces; each is valid until the next is asked for.
Pieces = Iterator[memoryview]


class Update(Protocol):
    """A kind of update. Stateless: one instance serves every value and thread."""

    name: str

    def encode(self, value: memoryview, spec: TensorSpec) -> Iterator[bytes | memoryview]:
        """The payload for a value, piece by piece; each piece is valid until the next.

        Args:
            value: Logical bytes: C-contiguous, little-endian.
            spec: Dtype and shape.
        """
        ...

    def decode(self, payload: memoryview | None, inputs: Sequence[Pieces], nbytes: int) -> Pieces:
        """The logical bytes of the value.

        Args:
            payload: What `encode` made, or `None` for an update that has none.
            inputs: The values that the update applies to.
            nbytes: Size of the value, from the manifest.

        Raises:
            CorruptError: The payload can't give a value of that size.
        """
        ...
