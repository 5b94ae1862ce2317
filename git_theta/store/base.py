"""What a store is: objects by the SHA-256 of their bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from git_theta.errors import MissingObjectError


class Store(Protocol):
    """A place for objects. Safe to use from many threads and processes at once."""

    def has(self, oid: str) -> bool:
        """Whether the object is there."""
        ...

    def get(self, oid: str) -> memoryview:
        """The object's bytes, usually a memory map.

        The digest isn't checked here: every value is checked after decoding, and `fsck` checks
        the objects.

        Raises:
            MissingObjectError: The object isn't there.
        """
        ...

    def part(self, oid: str, offset: int, length: int) -> memoryview:
        """A range of the object's bytes; fewer where it ends.

        Raises:
            MissingObjectError: The object isn't there.
        """
        ...

    def put(self, pieces: Iterable[bytes | memoryview]) -> str:
        """Store an object made of pieces, durably, and return its name. Storing it again is free of harm."""
        ...

    def verify(self, oid: str) -> None:
        """Check an object's bytes against its name.

        Raises:
            CorruptError: They're others.
            MissingObjectError: The object isn't there.
        """
        ...

    def list(self) -> Iterator[tuple[str, int]]:
        """Names and sizes in bytes of all objects, in no particular order."""
        ...


def missing_object(oid: str) -> MissingObjectError:
    """The error that a store raises for an object that it doesn't have."""
    return MissingObjectError(
        f"object {oid} isn't in this repository's store",
        "copy it from a clone that has it (.git/theta/objects), or add the file again "
        "where a work tree still has this version",
    )
