"""A graph of versions without circles: each version has any number of parents."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import Generic, TypeVar

Version = TypeVar("Version", bound=Hashable)


@dataclass(frozen=True)
class VersionDag(Generic[Version]):
    """Versions and their parents.

    Attributes:
        parents: The parents of each version. Parents that aren't versions themselves don't count.

    Raises:
        graphlib.CycleError: `order` finds a circle.
    """

    parents: Mapping[Version, tuple[Version, ...]]

    @cached_property
    def order(self) -> tuple[Version, ...]:
        """All versions, each after its parents."""
        return tuple(TopologicalSorter({each: self.parents_of(each) for each in self.parents}).static_order())

    def parents_of(self, version: Version) -> tuple[Version, ...]:
        """The parents of a version that are versions of this graph."""
        return tuple(parent for parent in self.parents[version] if parent in self.parents)

    def history(self, versions: Iterable[Version]) -> frozenset[Version]:
        """Some versions and all their ancestors."""
        found: set[Version] = set()
        waiting = list(versions)
        while waiting:
            version = waiting.pop()
            if version not in found:
                found.add(version)
                waiting += self.parents_of(version)
        return frozenset(found)

    def descendants(self, versions: Iterable[Version]) -> frozenset[Version]:
        """Versions that have any of some versions among their ancestors."""
        found, starts = set[Version](), frozenset(versions)
        for version in self.order:
            if any(parent in found or parent in starts for parent in self.parents_of(version)):
                found.add(version)
        return frozenset(found)

    def restricted(self, versions: Iterable[Version]) -> VersionDag[Version]:
        """The graph of some versions, and the edges between them."""
        kept = frozenset(versions)
        return VersionDag(
            {
                each: tuple(parent for parent in parents if parent in kept)
                for each, parents in self.parents.items()
                if each in kept
            }
        )
