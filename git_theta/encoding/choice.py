"""Choices: ways to store a value, of which the cheapest is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from git_theta.encoding.stored_value import UnpackedSource
from git_theta.model.manifest import Source
from git_theta.updates.base import Payload


@dataclass(frozen=True, slots=True)
class EncodingChoice:
    """A way to store a value.

    Attributes:
        update: Name of the update.
        payload: Encodes the value; may raise `UnsuitableError`.
        inputs: The values that the update applies to: sources, those of other values of the file, or choices
            that must be stored first.
    """

    update: str
    payload: Callable[[], Payload]
    inputs: tuple[Source | UnpackedSource | EncodingChoice, ...] = ()

    def payload_bytes(self) -> bytes:
        """The payload as a whole, where it's known to be small."""
        return b"".join(map(bytes, self.payload()))

    def sources(self) -> Iterator[Source]:
        """The stored values that the value is made from."""
        for part in self.inputs:
            if isinstance(part, EncodingChoice):
                yield from part.sources()
            elif isinstance(part, Source):
                yield part


#: How the value of a base is obtained: it's a stored one, one of the same file, or made of stored values.
BaseSource = Source | UnpackedSource | EncodingChoice


def known_payload(payload: bytes) -> Payload:
    """A payload that is encoded already."""
    yield payload
