"""Bundles: payloads of many small values, coded as one stream.

A header and a frame for each of thousands of small values would take more bytes, and more time, than the
values themselves. A source names the position of its value in what the bundle decodes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeGuard

from git_theta.errors import CorruptError
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Update

#: Most bytes that a bundle decodes to: few enough to decode all of them for a single value.
MAX_BUNDLE = 1 << 16


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle, decoded.

    Attributes:
        spec: Dtype and number of all elements; those of bytes for an update that doesn't compute with them.
        data: The values, one after another; at most `MAX_BUNDLE` bytes.
    """

    spec: TensorSpec
    data: memoryview

    def part(self, place: int, nbytes: int) -> memoryview:
        """The bytes of one value.

        Raises:
            CorruptError: The bundle ends before the value does.
        """
        if place + nbytes > len(self.data):
            raise CorruptError(f"the payload has {len(self.data)} bytes of values, and none at {place}")
        return self.data[place : place + nbytes]


class Bundling(Update, Protocol):
    """An update whose payloads may be bundles.

    Attributes:
        base_count: Number of values that a value of a bundle applies to: 0 or 1.
    """

    base_count: int

    def open_bundle(self, payload: memoryview) -> Bundle:
        """Decode a bundle.

        Raises:
            CorruptError: The payload is damaged, or holds more than `MAX_BUNDLE` bytes.
        """
        ...

    def decode_bundled(
        self, bundle: Bundle, places: Sequence[int], bases: Sequence[memoryview], nbytes: int
    ) -> list[memoryview]:
        """The logical bytes of values of a bundle that have one size.

        Args:
            bundle: The payload, decoded.
            places: Position of each value in it, in bytes.
            bases: The value that each applies to, of `nbytes` bytes; empty if `base_count` is 0.
            nbytes: Size of each value in bytes.

        Raises:
            CorruptError: The bundle has no such value.
        """
        ...


def takes_bundles(update: Update) -> TypeGuard[Bundling]:
    """Whether an update's payloads may be bundles: as `isinstance`, which is too slow for each parameter."""
    return hasattr(update, "open_bundle")


def check_bundle_size(nbytes: object) -> int:
    """The size of a bundle that its header tells.

    Raises:
        CorruptError: It's no size, or too large.
    """
    if type(nbytes) is not int or not 0 <= nbytes <= MAX_BUNDLE:
        raise CorruptError(f"a bundle of {nbytes!r:.40} bytes; at most {MAX_BUNDLE:,} are possible")
    return nbytes
