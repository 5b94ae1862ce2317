"""The desk: what a session needs of the file in conflict and its repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from git_theta.merge.outcome import Merged
from git_theta.merge.rules import MergeRule
from git_theta.model.manifest import Entry


@dataclass(frozen=True, slots=True)
class Preview:
    """What a merge would give; ours stands for what is still in conflict.

    Attributes:
        merged: The result.
        stored: Bytes of new objects.
    """

    merged: Merged
    stored: int


class Backend(Protocol):
    """A file in conflict."""

    @property
    def path(self) -> str:
        """Its path from the top of the work tree."""
        ...

    @property
    def threads(self) -> int:
        """How many parameters to work on at once."""
        ...

    @property
    def places(self) -> Mapping[str, str]:
        """Where rules can be kept: a letter to answer → what it's called."""
        ...

    def check(self, rule: MergeRule) -> None:
        """Check that a rule's strategy exists and has its options.

        Raises:
            UsageError: It doesn't.
        """
        ...

    def plan(self, rules: Sequence[MergeRule]) -> Merged:
        """What becomes of each parameter, and all conflicts, if choices are added to the other rules."""
        ...

    def value(self, entry: Entry) -> Iterator[memoryview]:
        """The bytes of a parameter in any version, or in the last preview."""
        ...

    def scalar_conflicts(self) -> Mapping[str, str]:
        """What both sides did to values that aren't parameters, by name."""
        ...

    def preview(self, rules: Sequence[MergeRule]) -> Preview:
        """Merge without leaving anything behind.

        Raises:
            ThetaError: A choice can't be carried out.
        """
        ...

    def write(self, rules: Sequence[MergeRule]) -> str:
        """Merge in earnest; returns what to tell the user.

        Raises:
            ThetaError: The file can't be merged or written; nothing has changed then.
        """
        ...

    def save_rules(self, rules: Sequence[MergeRule], place: str) -> str:
        """Keep rules for later merges of this file; returns what to tell the user.

        Raises:
            ThetaError: They can't be written.
        """
        ...
