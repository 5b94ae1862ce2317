"""One side of a comparison: a version of a file, and a reader of its values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from git_theta.model.manifest import Entry, Manifest


class ValueReader(Protocol):
    """Reads the values of a version. May be used from several threads at once."""

    def value(self, entry: Entry) -> Iterator[memoryview]:
        """The logical bytes of a parameter, in pieces; each is valid until the next is asked for.

        Raises:
            MissingObjectError: An object isn't in the store.
            CorruptError: A stored value is damaged; known only after the last piece.
        """
        ...

    def skeleton(self) -> memoryview:
        """The file; bytes of its parameters may be zeros.

        Raises:
            ThetaError: As for `value`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """A version of a file.

    Attributes:
        path: Path of the file, from the top of the work tree.
        manifest: The manifest; `None` if there's no checkpoint.
        reader: Reads the values; `None` if there's no checkpoint.
        mode: File mode as Git writes it, such as `100644`; empty if there's no file, or if it isn't known.
        stored: Whether the values are in a store, so that their stored sizes are known.
        problem: Why a file that's there isn't a checkpoint; else empty.
    """

    path: str
    manifest: Manifest | None = None
    reader: ValueReader | None = None
    mode: str = ""
    stored: bool = False
    problem: str = ""

    @property
    def absent(self) -> bool:
        """Whether there's no file at all."""
        return self.manifest is None and not self.problem
