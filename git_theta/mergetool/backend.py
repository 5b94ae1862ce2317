"""The backend of a merge session: a file in conflict, and the repository that it's in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from git_theta.merging.outcome import Merged
from git_theta.merging.rules import MergeRule
from git_theta.model.manifest import Entry


@dataclass(frozen=True, slots=True)
class Preview:
    """The result of a merge that leaves nothing behind; ours is taken where there's a conflict.

    Attributes:
        merged: The result.
        stored: Size of the new objects, in bytes.
    """

    merged: Merged
    stored: int


class Backend(Protocol):
    """A file in conflict."""

    @property
    def path(self) -> str:
        """Path of the file, from the top of the work tree."""
        ...

    @property
    def threads(self) -> int:
        """Parameters to work on at once."""
        ...

    @property
    def places(self) -> Mapping[str, str]:
        """Places where rules can be saved: a letter to answer → what the place is called."""
        ...

    def check(self, rule: MergeRule) -> None:
        """Check that a rule's strategy exists and has its options.

        Raises:
            UsageError: The strategy doesn't exist, or lacks an option.
        """
        ...

    def plan(self, rules: Sequence[MergeRule]) -> Merged:
        """The outcome of each parameter and all conflicts, by choices in addition to the other rules."""
        ...

    def value(self, entry: Entry) -> Iterator[memoryview]:
        """The bytes of a parameter in any version, or in the last preview."""
        ...

    def scalar_conflicts(self) -> Mapping[str, str]:
        """Name → changes on both sides, of each value that isn't a tensor and that both sides changed."""
        ...

    def preview(self, rules: Sequence[MergeRule]) -> Preview:
        """Merge without leaving anything behind.

        Raises:
            ThetaError: A choice can't be carried out.
        """
        ...

    def write(self, rules: Sequence[MergeRule]) -> str:
        """Merge, and write and stage the result; returns a message for the user.

        Raises:
            ThetaError: The file can't be merged or written; nothing has changed then.
        """
        ...

    def save_rules(self, rules: Sequence[MergeRule], place: str) -> str:
        """Save rules for later merges of this file; returns a message for the user.

        Args:
            rules: The rules.
            place: A key of `places`.

        Raises:
            ThetaError: The rules can't be written.
        """
        ...
