"""The codec protocol: the bytes of a value to frames, and frames to the bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from git_theta.model.tensor import TensorSpec

#: Parameters of a codec in a payload's header: JSON-like, small.
Params = Mapping[str, Any]


class Codec(Protocol):
    """A lossless codec. One stateless instance serves every value and thread."""

    name: str

    def params(self, spec: TensorSpec) -> Params:
        """Parameters that suit values of a dtype; for the payload's header, unless the dtype implies them."""
        ...

    def encode(self, data: memoryview, params: Params) -> Iterator[bytes | memoryview]:
        """Encode contiguous bytes, piece by piece.

        A yielded piece is valid until the next one is asked for.
        """
        ...

    def decode(self, data: memoryview, params: Params, nbytes: int) -> Iterator[memoryview]:
        """Decode to exactly `nbytes` bytes, in consecutive pieces.

        A yielded piece is valid until the next one is asked for. Memory is bounded whatever the
        data claim.

        Raises:
            CorruptError: The data can't be decoded to `nbytes` bytes.
        """
        ...

    def decode_part(
        self, data: memoryview, params: Params, nbytes: int, start: int, end: int
    ) -> Iterator[memoryview]:
        """Decode the bytes from `start` to `end` of what `decode` gives, in consecutive pieces.

        Raises:
            CorruptError: The data can't be decoded to `nbytes` bytes.
        """
        ...
