"""The protocol of stores: objects by the SHA-256 of their bytes. And the errors that stores raise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from git_theta.errors import MissingObjectError, ThetaError, full_disk_hint
from git_theta.limits import Limits
from git_theta.store.alternative_sources import AlternativeSources
from git_theta.store.opened_bundles import OpenedBundles


class Store(Protocol):
    """A place for objects on this machine. Safe to use from many threads and processes at once."""

    @property
    def limits(self) -> Limits:
        """The limits of what values may take that are made from the objects."""
        ...

    @property
    def bundles(self) -> OpenedBundles:
        """The bundles that were read last, decoded."""
        ...

    @property
    def alternatives(self) -> AlternativeSources:
        """Other sources of values whose objects may be missing."""
        ...

    def has(self, oid: str) -> bool:
        """Whether the object is there."""
        ...

    def size(self, oid: str) -> int | None:
        """Size of the object in bytes; `None` if it isn't there."""
        ...

    def get(self, oid: str) -> memoryview:
        """The bytes of the object, usually a memory map.

        Their SHA-256 isn't checked: every value is checked after decoding, and `fsck` checks the objects.

        Raises:
            MissingObjectError: The object isn't there.
        """
        ...

    def part(self, oid: str, offset: int, length: int) -> memoryview:
        """A range of the object's bytes; fewer than `length` where the object ends.

        Raises:
            MissingObjectError: The object isn't there.
        """
        ...

    def put(self, pieces: Iterable[bytes | memoryview]) -> str:
        """Store an object durably and return its name. Storing an object again changes nothing.

        Args:
            pieces: The bytes of the object, in pieces.
        """
        ...

    def verify(self, oid: str) -> None:
        """Check the bytes of an object against its name.

        Raises:
            CorruptError: The bytes have another SHA-256.
            MissingObjectError: The object isn't there.
        """
        ...

    def list(self) -> Iterator[tuple[str, int]]:
        """Names and sizes in bytes of all objects, in no particular order."""
        ...


def missing_object(oid: str) -> MissingObjectError:
    """The error for an object that a store doesn't have."""
    return MissingObjectError(
        f"object {oid} isn't in this repository's store",
        "copy it from a clone that has it (.git/theta/objects), or add the file again "
        "where a work tree still has this version",
    )


@contextmanager
def store_errors(root: Path) -> Iterator[None]:
    """Turn failures to write to the store in the folder `root` into errors that name it.

    Raises:
        ThetaError: The block raised an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise ThetaError(
            f"can't write to the store {root}: {error.strerror or error}",
            full_disk_hint(error),
        ) from error
