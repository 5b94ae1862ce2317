"""Targets: values that are to be stored, and the ways to store them that were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from git_theta import updates
from git_theta.encoding.allowed_updates import OnFailure
from git_theta.encoding.choice import EncodingChoice
from git_theta.model.tensor import TensorSpec
from git_theta.updates.base import Automatic, Base, Payload, Reshaping, Sample, UnsuitableError, Update
from git_theta.updates.dense import Dense

#: An update must be expected to need at most this share of the dense payload: a smaller gain isn't worth
#: the time to decode a chain.
MAX_COST = 0.95


class Option(NamedTuple):
    """A way to store a value.

    Attributes:
        cost: The expected share of the value's bytes.
        choice: What would be stored.
    """

    cost: float
    choice: EncodingChoice


@dataclass(frozen=True, eq=False)
class Target:
    """A value that is to be stored.

    Attributes:
        value: Logical bytes: C-contiguous, little-endian.
        spec: Dtype and shape.
        updates: The updates that may be chosen.
        failed: Called for each update of a package that fails; other updates are tried nevertheless.
    """

    value: memoryview
    spec: TensorSpec
    updates: Sequence[Update]
    failed: OnFailure

    @cached_property
    def dense_share(self) -> float:
        """The expected size of the dense payload as a share of the value's bytes."""
        import numpy as np

        words = np.frombuffer(self.value, f"<u{self.spec.word_size}")
        return Dense().share(Sample(self.spec, words, words, 0, True))

    @property
    def limit(self) -> float:
        """The cost from which on an update isn't worth its while."""
        return MAX_COST * self.dense_share

    def encoded(self, update: Automatic | Reshaping, base: Base) -> Payload:
        """The payload of an update on a base; an update of a package that fails counts as unsuitable."""
        with updates.registry().guard(update.name, UnsuitableError):
            yield from update.encode(self.value, self.spec, base)
