"""The dtypes and shapes of the stored values that have a sketch, by what a new value may have of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import islice
from threading import Lock
from typing import NamedTuple

from git_theta.model.tensor import TensorSpec
from git_theta.sketches.sampled_forms import other_forms
from git_theta.sketches.sketch import comparable, sample_count


class _Found(NamedTuple):
    """The types among the first ones that a question is about.

    Attributes:
        types: These types.
        seen: The number of types that were looked at.
    """

    types: tuple[TensorSpec, ...]
    seen: int


class StoredTypes:
    """All types, in the order in which they were added. Any number of threads may use them.

    There may be thousands, so each question about a type is answered by looking at all of them once.

    Args:
        sizes: The number of values of each type.
    """

    def __init__(self, sizes: Mapping[TensorSpec, int]) -> None:
        self._lock = Lock()
        self._sizes: dict[TensorSpec, int] = {}
        self._by_count: dict[int, list[TensorSpec]] = defaultdict(list)
        self._other_forms: dict[TensorSpec, _Found] = {}
        for spec, size in sizes.items():
            if sample_count(spec):
                self.add(spec, size)

    def add(self, spec: TensorSpec, size: int) -> None:
        """Count more values of a type."""
        with self._lock:
            if spec not in self._sizes:
                self._by_count[spec.count].append(spec)
            self._sizes[spec] = self._sizes.get(spec, 0) + size

    def size(self, spec: TensorSpec) -> int:
        """The number of values of a type; some may be counted twice."""
        return self._sizes.get(spec, 0)

    def same_elements(self, spec: TensorSpec) -> list[TensorSpec]:
        """Types whose values may have the elements of a new value in the same order."""
        return [stored for stored in self._by_count.get(spec.count, ()) if have_same_elements(spec, stored)]

    def other_forms(self, spec: TensorSpec) -> Sequence[TensorSpec]:
        """Types whose values may have elements of a new value elsewhere."""
        with self._lock:
            found = self._other_forms.get(spec, _Found((), 0))
            new = islice(self._sizes, found.seen, None)
            types = (*found.types, *(stored for stored in new if _may_be_made_of(spec, stored)))
            self._other_forms[spec] = _Found(types, len(self._sizes))
            return types


def have_same_elements(spec: TensorSpec, stored: TensorSpec) -> bool:
    """Whether values of two types may have the same elements in the same order."""
    return (
        comparable(spec, stored)
        and spec.count == stored.count
        and spec.item_size // spec.word_size == stored.item_size // stored.word_size
    )


def _may_be_made_of(spec: TensorSpec, stored: TensorSpec) -> bool:
    return comparable(spec, stored) and bool(other_forms(spec, stored))
