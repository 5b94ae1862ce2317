"""The state of a bisection: the versions that are known to be good or bad, and the suspects between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Generic

from git_theta.bisection.midpoints import midpoints
from git_theta.bisection.version_dag import Version, VersionDag

#: The golden ratio's part after the point: its multiples are spread evenly between 0 and 1.
_SPREAD = 0.6180339887498949


class Outcome(Enum):
    """The outcome of testing a version. `SKIPPED` says that it can't be tested, and nothing about it."""

    GOOD = "good"
    BAD = "bad"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Bisection(Generic[Version]):
    """A bisection, between two tests.

    Attributes:
        dag: The versions.
        bad: The oldest version that is known or said to be bad.
        good: Versions that are known or said to be good, with all their ancestors.
        skipped: Versions that can't be tested.
        older_first: The tie-break of `git_theta.bisection.midpoints.midpoints`.
    """

    dag: VersionDag[Version]
    bad: Version
    good: frozenset[Version] = frozenset()
    skipped: frozenset[Version] = frozenset()
    older_first: bool = True

    @cached_property
    def suspects(self) -> frozenset[Version]:
        """The versions that may be the first bad one; `bad` is one of them."""
        return self.dag.history([self.bad]) - self.dag.history(self.good) | {self.bad}

    @cached_property
    def next(self) -> Version | None:
        """The version to test; `None` if nothing that can be tested would say more."""
        ranked = [
            version
            for version, distance in midpoints(self.dag, self.suspects, older_first=self.older_first)
            if distance and version not in self.skipped
        ]
        if not ranked:
            return None
        # A version that can't be tested often has neighbours that can't be either: some way off, as in Git.
        away = len(self.suspects & self.skipped) * _SPREAD % 1.0
        return ranked[int(len(ranked) * away**1.5)]

    @property
    def steps_left(self) -> int:
        """The number of tests that are likely to be needed."""
        return math.ceil(math.log2(len(self.suspects - self.skipped) or 1))

    def after(self, version: Version, outcome: Outcome) -> Bisection[Version]:
        """The bisection with the outcome of a test.

        Args:
            version: One of the suspects.
            outcome: Its outcome.
        """
        if outcome is Outcome.BAD:
            return replace(self, bad=version)
        if outcome is Outcome.GOOD:
            return replace(self, good=self.good | {version})
        return replace(self, skipped=self.skipped | {version})
