"""One side of a comparison: a version of a file, and where its values can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from git_theta.model.manifest import Entry, Manifest


class ValueReader(Protocol):
    """Reads what a manifest only names. May be used from several threads at once."""

    def value(self, entry: Entry) -> Iterator[memoryview]:
        """The logical bytes of a parameter, in pieces; each is valid until the next is asked for.

        Raises:
            MissingObjectError: An object isn't in the store.
            CorruptError: A stored value is damaged; known only after the last piece.
        """
        ...

    def skeleton(self) -> memoryview:
        """The file; what its parameters fill may be zeros.

        Raises:
            ThetaError: As for `value`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Side:
    """A version of a file.

    Attributes:
        path: Where it is, from the top of the work tree.
        manifest: What it contains; `None` if there's no checkpoint.
        reader: Where to read it; `None` if there's no checkpoint.
        mode: As Git writes it, such as `100644`; empty if there's no file or nobody asked.
        stored: Whether its values are in a store, so that the manifest says what they cost.
        problem: Why there's no checkpoint though there is a file.
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
