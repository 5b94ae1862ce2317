"""Passthrough: ours, maybe scaled."""

from __future__ import annotations

from dataclasses import dataclass

from git_theta.strategies.base import Case
from git_theta.strategies.lazy_array import LazyArray
from git_theta.strategies.task_vectors import times


@dataclass(frozen=True, slots=True)
class PassThroughOptions:
    """Of `passthrough`.

    Attributes:
        scale: What all elements are multiplied by.
    """

    scale: float = 1.0


class PassThrough:
    """Ours times a number, whatever the others have."""

    name = "passthrough"
    options = PassThroughOptions
    needs_base = False
    most: int | None = None

    def merge(self, case: Case, options: PassThroughOptions) -> LazyArray:
        """The merged numbers."""
        return times(options.scale, case.models[0])
